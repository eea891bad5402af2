// A library whose function calls back, for reports of programs that are linked dynamically.
static volatile int calls;

__attribute__((noinline)) static void inside(void (*callback)(void)) {
  callback();
  calls++;
}

void call_back(void (*callback)(void)) {
  inside(callback);
  calls++;
}
