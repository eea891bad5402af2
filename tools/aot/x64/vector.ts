// Machine code of vector operations for x86-64-v2 (SSE4.2, SSSE3): one recipe for each wasm instruction
// that is an operation on vectors. The files of the folder fill the table.

import "./vector/float.ts";
import "./vector/integer.ts";
import "./vector/lanes.ts";

export { VECTOR_RECIPES, VectorCode, type VectorRecipe } from "./vector/recipe.ts";
