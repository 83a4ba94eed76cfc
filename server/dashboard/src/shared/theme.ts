import { ref, watchEffect } from "vue";

export type Theme = "light" | "dark";

const kept = localStorage.getItem("theme");

export const theme = ref<Theme>(
  kept === "dark" || kept === "light" ? kept : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
);

watchEffect(() => { document.documentElement.dataset.theme = theme.value; });

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme.value);
}
