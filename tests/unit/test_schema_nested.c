#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "meta_support.h"
#include "nested_support.h"

static void groups_become_fields(void **state) {
  (void)state;
  static const struct {
    const char *schema, *type;
  } cases[] = {
      /* Three levels, whatever they are called. */
      {"a#1 o LIST { list * { element#2 o s } }", "list<element#2: string>"},
      {"a r LIST { bag * { array_element r i } }", "list<array_element: int32 not null> not null"},
      {"a o LIST { element * { str o s } }", "list<str: string>"},
      {"a o LIST { list * { element r LIST { list * { element r i } } } }",
       "list<element: list<element: int32 not null> not null>"},
      {"a o LIST { list * { element o { x o i  y r s } } }", "list<element: struct<x: int32, y: string not null>>"},
      /* Rules 1 to 4 for lists of two levels. */
      {"a o LIST { element * i }", "list<element: int32 not null>"},
      {"a o LIST { element * { str r s  num r i } }",
       "list<element: struct<str: string not null, num: int32 not null> not null>"},
      {"a o LIST { array * LIST { array * i } }", "list<array: list<array: int32 not null> not null>"},
      {"a o LIST { array * { str r s } }", "list<array: struct<str: string not null> not null>"},
      {"a o LIST { a_tuple * { str o s } }", "list<a_tuple: struct<str: string> not null>"},
      {"a o LIST { b_tuple * { str o s } }", "list<str: string>"},
      {"a o LIST { array * MAP { key_value * { key r s  value o i } } }",
       "list<array: map<key_value: struct<key: string not null, value: int32> not null> not null>"},
      {"a o LIST { x * { y * i } }", "list<x: struct<y: list<y: int32 not null> not null> not null>"},
      {"a o LIST { array * LIST { array * { x o i } } }",
       "list<array: list<array: struct<x: int32> not null> not null>"},
      /* Repeated without a list. */
      {"a#7 * i", "list<a: int32 not null> not null"},
      {"a * { x o i }", "list<a: struct<x: int32> not null> not null"},
      {"a o { x * i  y r { z * s } }",
       "struct<x: list<x: int32 not null> not null, y: struct<z: list<z: string not null> not null> not null>"},
      {"a * LIST { array * i }", "list<a: list<array: int32 not null> not null> not null"},
      /* Maps. */
      {"a#1 o MAP { key_value#2 * { key#3 r s  value#4 o i } }",
       "map<key_value#2: struct<key#3: string not null, value#4: int32> not null>"},
      {"a r KEY_VALUE { map * { k r s  v r i } }",
       "map<map: struct<k: string not null, v: int32 not null> not null> not null"},
      {"a o MAP { map * KEY_VALUE { key r s  value o LIST { list * { element o i } } } }",
       "map<map: struct<key: string not null, value: list<element: int32>> not null>"},
      {"a o MAP { key_value * { key o s  value o i } }",
       "map<key_value: struct<key: string not null, value: int32> not null>"},
      {"a o MAP { key_value * { key r s } }", "list<key: string not null>"},
      {"a o MAP { key_value * { key r s  value * i } }",
       "map<key_value: struct<key: string not null, value: list<value: int32 not null> not null> not null>"},
      /* Annotations whose shape is another: structs. */
      {"a o LIST { x o i }", "struct<x: int32>"},
      {"a o LIST { x * i  y o i }", "struct<x: list<x: int32 not null> not null, y: int32>"},
      {"a o MAP { x * { k r i  v r i  w r i } }",
       "struct<x: list<x: struct<k: int32 not null, v: int32 not null, w: int32 not null> not null> not null>"},
      {"a o MAP { x * i }", "struct<x: list<x: int32 not null> not null>"},
      /* Structs. */
      {"a o { b r { c o i } }", "struct<b: struct<c: int32> not null>"},
      {"a r VARIANT { metadata r s  value r s }", "struct<metadata: string not null, value: string not null> not null"},
  };
  struct fixture fixture;
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct schema_text text;
    struct lam_file_meta meta = meta_of_text(cases[i].schema, &text, &arena);
    struct ArrowSchema schema;
    char found[512] = "";
    OK(lam_schema_of_column(&meta, 0, &schema, &error));
    print_type(&schema, found, sizeof found);
    if (strcmp(found, cases[i].type) != 0) fail_msg("%s\nis   %s\nnot  %s", cases[i].schema, found, cases[i].type);
    schema.release(&schema);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

static void leaves_are_chosen(void **state) {
  (void)state;
  static const struct {
    const char *schema, *wanted, *type; /* wanted: a letter for each leaf of the file */
  } cases[] = {
      {"z o i  a o { x o i  y r { u o i  v o s } }", "-y--", "struct<x: int32>"},
      {"z o i  a o { x o i  y r { u o i  v o s } }", "---y", "struct<y: struct<v: string> not null>"},
      {"z o i  a o { x o i  y r { u o i  v o s } }", "-y-y", "struct<x: int32, y: struct<v: string> not null>"},
      {"z o i  a o LIST { list * { element o { x o i  y o s } } }", "--y", "list<element: struct<y: string>>"},
      {"z o i  a o MAP { kv * { k r s  v o { x o i  y o i } } }", "---y",
       "map<kv: struct<k: string not null, v: struct<y: int32>> not null>"},
      {"z o i  a o MAP { kv * { k r s  v o { x o i  y o i } } }", "-y--",
       "map<kv: struct<k: string not null, v: struct<x: int32, y: int32>> not null>"},
  };
  struct fixture fixture;
  struct lam_arena arena;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct schema_text text;
    struct lam_file_meta meta = meta_of_text(cases[i].schema, &text, &arena);
    struct lam_field fields[2 * MOST_NODES] = {{0}};
    struct ArrowSchema schema;
    bool wanted[MOST_NODES];
    int32_t leaves = 0;
    char found[512] = "";
    for (size_t leaf = 0; cases[i].wanted[leaf]; leaf++) leaves += wanted[leaf] = cases[i].wanted[leaf] == 'y';
    OK(lam_field_make(&meta, 1, wanted, fields, &error));
    OK(lam_field_schema(&meta, fields, &schema, &error));
    print_type(&schema, found, sizeof found);
    assert_string_equal(found, cases[i].type);
    assert_true(fields->leaves >= leaves);
    for (int32_t leaf = 0; leaf < fields->leaves; leaf++) assert_int_equal(lam_field_leaf(fields, leaf)->leaf, leaf);
    schema.release(&schema);
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

/* Schemas that are deep, and groups without columns, cost an error. */
static void refusals(void **state) {
  (void)state;
  struct fixture fixture;
  struct lam_arena arena;
  struct ArrowSchema schema;
  struct schema_text text;
  fixture_begin(&fixture);
  lam_arena_init(&arena, fixture.mem);
  struct lam_file_meta meta = meta_of_text("a o { x o i  none o { } }", &text, &arena);
  FAILS(lam_schema_of_column(&meta, 0, &schema, &error), LAM_UNSUPPORTED, "column 'a': 'none' is a group without");
  assert_null(schema.release);
  for (int depth = 60; depth < 240; depth++) {
    struct lam_schema_node nodes[256] = {{.name = {(const uint8_t *)"r", 1}, .children = 1, .physical = -1}};
    for (int i = 1; i <= depth; i++)
      nodes[i] = (struct lam_schema_node){.name = {(const uint8_t *)"g", 1},
                                          .children = i < depth,
                                          .field_id = -1,
                                          .converted = -1,
                                          .physical = i < depth ? -1 : LAM_INT32,
                                          .repetition = (int8_t)(i % 3)};
    struct lam_file_meta deep = {.nodes = nodes, .node_count = depth + 1};
    OK(lam_schema_link(&deep, &arena, &error));
    FAILS(lam_schema_of_column(&deep, 0, &schema, &error), LAM_UNSUPPORTED, "deeper than 64 levels");
  }
  lam_arena_release(&arena);
  fixture_end(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_become_fields),
      cmocka_unit_test(leaves_are_chosen),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
