// Walks a linked list whose nodes lie in a shuffled order: list.ts in C.

#include <stddef.h>
#include <stdint.h>

#define COUNT 65536u
struct node {
  struct node *next;
  int64_t value;
};
static struct node nodes[COUNT];

int64_t run(void) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    uint32_t following = (at * 5 + 12345) % COUNT;
    nodes[at].value = i;
    nodes[at].next = i + 1 < COUNT ? &nodes[following] : NULL;
    at = following;
  }
  int64_t sum = 0;
  for (int32_t round = 0; round < 10; round++) {
    for (struct node *node = nodes; node; node = node->next) sum += node->value ^ round;
  }
  return sum;
}
