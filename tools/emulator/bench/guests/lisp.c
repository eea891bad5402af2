// A small Lisp that reads a program as text and runs it, once a round: reader, symbols, environments as association
// lists, closures. The program sorts, counts queens and computes Takeuchi's function. Memory is taken from one area
// and given back as a whole.

#include "guest.h"

typedef struct cell {
  enum { NUMBER, SYMBOL, PAIR, PRIMITIVE, CLOSURE } kind;
  union {
    int number;
    const char *name;
    struct {
      struct cell *first, *rest;
    };
  };
} cell;

static const char program[] =
    "(def not (fn (x) (if x 0 1)))"
    "(def range (fn (a b) (if (< a b) (cons a (range (+ a 1) b)) nil)))"
    "(def sum (fn (l) (if l (+ (car l) (sum (cdr l))) 0)))"
    "(def append (fn (a b) (if a (cons (car a) (append (cdr a) b)) b)))"
    "(def keep (fn (f l) (if l (if (f (car l)) (cons (car l) (keep f (cdr l))) (keep f (cdr l))) nil)))"
    "(def map (fn (f l) (if l (cons (f (car l)) (map f (cdr l))) nil)))"
    "(def sort (fn (l) (if l (append (sort (keep (fn (x) (< x (car l))) (cdr l)))"
    "  (cons (car l) (sort (keep (fn (x) (not (< x (car l)))) (cdr l))))) nil)))"
    "(def mod (fn (a b) (- a (* b (/ a b)))))"
    "(def noise (fn (n x) (if (< 0 n) (cons (mod x 1000) (noise (- n 1) (mod (+ (* x 75) 74) 65537))) nil)))"
    "(def tak (fn (x y z) (if (< y x) (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y)) z)))"
    "(def safe (fn (q d l) (if l (if (= q (car l)) 0 (if (= (+ (car l) d) q) 0 (if (= (- (car l) d) q) 0"
    "  (safe q (+ d 1) (cdr l))))) 1)))"
    "(def try (fn (q n k l) (if (< q n) (+ (if (safe q 1 l) (queens n (- k 1) (cons q l)) 0) (try (+ q 1) n k l)) 0)))"
    "(def queens (fn (n k l) (if (< 0 k) (try 0 n k l) 1)))"
    "(+ (sum (map (fn (x) (* x x)) (sort (noise 40 seed)))) (+ (tak 8 5 2) (queens 5 5 nil)))";

static cell *next_cell;
static char *next_name;
static cell *symbols, *globals, *nil, *symbol_if, *symbol_fn, *symbol_def;
static const char *text;

static cell *pair(cell *first, cell *rest) {
  cell *c = next_cell++;
  c->kind = PAIR;
  c->first = first;
  c->rest = rest;
  return c;
}

static cell *number(int value) {
  cell *c = next_cell++;
  c->kind = NUMBER;
  c->number = value;
  return c;
}

static int same_text(const char *a, const char *b, int length) {
  for (int i = 0; i < length; i++) {
    if (a[i] != b[i]) return 0;
  }
  return b[length] == 0;
}

static cell *symbol(const char *name, int length) {
  for (cell *s = symbols; s != nil; s = s->rest) {
    if (same_text(name, s->first->name, length)) return s->first;
  }
  cell *c = next_cell++;
  c->kind = SYMBOL;
  c->name = next_name;
  for (int i = 0; i < length; i++) *next_name++ = name[i];
  *next_name++ = 0;
  symbols = pair(c, symbols);
  return c;
}

static cell *read(void) {
  while (*text == ' ') text++;
  if (*text == '(') {
    text++;
    cell *first = nil, *last = nil;
    for (;;) {
      while (*text == ' ') text++;
      if (*text == ')') break;
      cell *c = pair(read(), nil);
      if (first == nil) first = c;
      else last->rest = c;
      last = c;
    }
    text++;
    return first;
  }
  if (*text >= '0' && *text <= '9') {
    int value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + *text++ - '0';
    return number(value);
  }
  const char *start = text;
  while (*text != ' ' && *text != '(' && *text != ')' && *text != 0) text++;
  return symbol(start, text - start);
}

static cell *value_of(cell *name, cell *environment) {
  for (; environment != nil; environment = environment->rest) {
    if (environment->first->first == name) return environment->first->rest;
  }
  for (environment = globals; environment != nil; environment = environment->rest) {
    if (environment->first->first == name) return environment->first->rest;
  }
  return nil;
}

static int is_true(cell *c) { return c != nil && !(c->kind == NUMBER && c->number == 0); }

static cell *primitive(int operation, cell *a, cell *b) {
  switch (operation) {
  case '+': return number(a->number + b->number);
  case '-': return number(a->number - b->number);
  case '*': return number((int)((u32)a->number * (u32)b->number));
  case '/': return number(a->number / b->number);
  case '<': return number(a->number < b->number);
  case '=': return number(a->number == b->number);
  case 'c': return pair(a, b);
  case 'a': return a->first;
  default: return a->rest;
  }
}

static cell *evaluate(cell *e, cell *environment) {
  for (;;) {
    if (e == nil || e->kind == NUMBER) return e;
    if (e->kind == SYMBOL) return value_of(e, environment);
    cell *head = e->first, *operands = e->rest;
    if (head == symbol_if) {
      cell *rest = operands->rest;
      e = is_true(evaluate(operands->first, environment)) ? rest->first : rest->rest->first;
      continue;
    }
    if (head == symbol_fn) {
      cell *c = pair(operands, environment);
      c->kind = CLOSURE;
      return c;
    }
    if (head == symbol_def) {
      cell *entry = pair(operands->first, nil);
      globals = pair(entry, globals);
      return entry->rest = evaluate(operands->rest->first, environment);
    }
    cell *function = evaluate(head, environment);
    if (function->kind == PRIMITIVE) {
      cell *a = evaluate(operands->first, environment);
      cell *b = operands->rest == nil ? nil : evaluate(operands->rest->first, environment);
      return primitive(function->number, a, b);
    }
    cell *inner = function->rest;
    for (cell *p = function->first->first; p != nil; p = p->rest, operands = operands->rest) {
      inner = pair(pair(p->first, evaluate(operands->first, environment)), inner);
    }
    e = function->first->rest->first;
    environment = inner;
  }
}

static int length_of(const char *name) {
  int length = 0;
  while (name[length] != 0) length++;
  return length;
}

static cell *named(const char *name) { return symbol(name, length_of(name)); }

static void define(const char *name, int operation) {
  cell *c = number(operation);
  c->kind = PRIMITIVE;
  globals = pair(pair(named(name), c), globals);
}

u64 workload(u32 rounds) {
  u64 hash = 0;
  for (u32 round = 0; round < rounds; round++) {
    next_name = (char *)DATA_AREA;
    next_cell = (cell *)(DATA_AREA + 65536);
    nil = pair(0, 0);
    nil->first = nil->rest = nil;
    symbols = globals = nil;
    symbol_if = named("if"), symbol_fn = named("fn"), symbol_def = named("def");
    define("+", '+'), define("-", '-'), define("*", '*'), define("/", '/');
    define("<", '<'), define("=", '='), define("cons", 'c'), define("car", 'a'), define("cdr", 'd');
    globals = pair(pair(named("nil"), nil), globals);
    globals = pair(pair(named("seed"), number(round % 50 + 1)), globals);
    cell *value = nil;
    for (text = program; *text != 0;) value = evaluate(read(), nil);
    hash = mixed(hash, value->number);
  }
  return hash;
}
