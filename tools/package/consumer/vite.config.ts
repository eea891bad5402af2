import { defineConfig } from "vite";

// The compiled core is a module of its own, which is loaded when it is needed: workers that have such are ES modules.
export default defineConfig({
  build: { target: "es2022", modulePreload: false },
  worker: { format: "es" },
});
