/** One dialog for everything that is asked before something changes. */
import { shallowRef } from "vue";

export interface AskField {
  name: string;
  label: string;
  kind?: "text" | "long" | "password" | "number" | "time" | "date" | "choice";
  required?: boolean;
  value?: string;
  choices?: readonly { value: string; label: string }[];
  autocomplete?: string;
  min?: number;
  max?: number;
}

export interface Question {
  title: string;
  about: string;
  yes: string;
  fields: readonly AskField[];
  /** Times that one click fills in, with the field that they go into. */
  shortcuts?: { field: string; items: readonly { label: string; value: () => string }[] };
  act: (values: Record<string, string>) => Promise<void>;
}

export const question = shallowRef<Question | null>(null);

export function ask(what: Question): void { question.value = what; }
