/** A clock of one's own for what is below: where nobody looks, it may stand still. */
import type { InjectionKey, Ref } from "vue";

export const CLOCK: InjectionKey<Readonly<Ref<number>>> = Symbol("clock");
