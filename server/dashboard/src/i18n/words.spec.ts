import { expect, it } from "vitest";

import en from "./en";
import zh from "./zh";

const SOURCES = Object.values(import.meta.glob<string>(["../**/*.{ts,vue}", "!../**/*.spec.ts", "!../**/*.gen.ts", "!./en.ts", "!./zh.ts", "!./management.*.ts"], { query: "?raw", import: "default", eager: true })).join("\n");

function paths(words: object, before = ""): string[] {
  return Object.entries(words).flatMap(([key, value]) => (typeof value === "object" ? paths(value as object, `${before}${key}.`) : [`${before}${key}`]));
}

it("has each word in both languages, and nothing twice over", () => {
  expect(paths(zh)).toEqual(paths(en));
});

it("uses the same places for names and numbers in both languages", () => {
  const holes = (words: object): string[] => Object.entries(words).flatMap(([key, value]) => (typeof value === "object" ? holes(value as object) : [`${key} ${[...new Set(String(value).match(/\{\w+\}/g) ?? [])].sort().join()}`]));
  expect(holes(zh)).toEqual(holes(en));
});

it("has no word that nothing says", () => {
  // `group.${...}` and serverWord("group", ...) may say every word of their group.
  const groups = [...SOURCES.matchAll(/`([\w.]+)\.\$\{|serverWord\(['"](\w+)/g)].map((found) => `${found[1] ?? found[2] ?? ""}.`);
  const said = new Set([...SOURCES.matchAll(/["']([\w-]+(?:\.[\w-]+)+)["']/g)].map((found) => found[1]));
  expect(paths(en).filter((path) => !said.has(path) && !groups.some((group) => path.startsWith(group)))).toEqual([]);
});

it("says no word that there is not", () => {
  const there = new Set(paths(en));
  const said = [...SOURCES.matchAll(/\bt\(["']([\w.-]+)["']/g)].map((found) => found[1] ?? "");
  expect(said.filter((path) => !there.has(path))).toEqual([]);
});
