import { readdirSync } from "node:fs";

import { defineConfigWithVueTs, vueTsConfigs } from "@vue/eslint-config-typescript";
import vue from "eslint-plugin-vue";

const features = readdirSync(new URL("./src/features/", import.meta.url));

export default defineConfigWithVueTs(
  { ignores: ["dist/**", "node_modules/**", "src/api/schema.gen.ts"] },
  vue.configs["flat/recommended"],
  vueTsConfigs.strict,
  {
    rules: {
      "max-lines": ["error", { max: 300 }],
      "no-console": "error",
      "vue/block-order": ["error", { order: ["script", "template", "style"] }],
      "vue/no-v-html": "error",
      // The look of a template is the author's; what follows is about what it does.
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/multiline-html-element-content-newline": "off",
      "vue/html-self-closing": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/html-indent": "off",
      "vue/first-attribute-linebreak": "off",
      "vue/attributes-order": "off",
    },
  },
  {
    files: ["src/shared/**", "src/api/**", "src/live/**", "src/i18n/**", "src/offline/**"],
    rules: { "no-restricted-imports": ["error", { patterns: ["@/features/*", "@/app/*"] }] },
  },
  ...features.map((name) => ({
    files: [`src/features/${name}/**`],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: ["@/app/*", ...features.filter((other) => other !== name).map((other) => `@/features/${other}/*`)] },
      ],
    },
  })),
);
