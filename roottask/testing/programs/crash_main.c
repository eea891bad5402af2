// Crashes in a function that a library calls.
void call_back(void (*callback)(void));

static volatile int calls;

__attribute__((noinline)) static void crash(void) {
  asm volatile("ud2");
  calls++;
}

int main(void) {
  call_back(crash);
  return calls;
}
