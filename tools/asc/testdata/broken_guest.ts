// A guest program with a type error, for the test that asc's message reaches the person.

export function broken(): i32 {
  const text = "not a number";
  return text;
}
