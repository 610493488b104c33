/* The schema that steps lead to, where each column comes from, and steps that cannot be. */
#include "change_support.h"

#include "arrow/type.h"
#include "ops/schema_change.h"

/* "id:int64! text:string" (a '!' where it is never NULL), each behind the column that it was: "0=id:…", "+x:…" is new.
 */
static void text_of(const struct lam_schema_target *target, char *out, size_t room) {
  size_t size = 0;
  for (int64_t c = 0; c < target->schema.n_children; c++) {
    const struct ArrowSchema *column = target->schema.children[c];
    struct lam_type type;
    char name[96], origin[24] = "+";
    OK(lam_type_parse(column, &type, &error));
    if (target->origins[c] >= 0) snprintf(origin, sizeof origin, "%lld=", (long long)target->origins[c]);
    size += (size_t)snprintf(out + size, room - size, "%s%s%s:%s%s", c ? " " : "", origin, column->name,
                             lam_type_name(&type, name, sizeof name), column->flags & ARROW_FLAG_NULLABLE ? "" : "!");
  }
}

enum { MOST_STEPS = 3 };
static const struct {
  struct lam_schema_step steps[MOST_STEPS];
  enum lam_status expected;
  const char *text; /* of the schema, or a part of the message */
} cases[] = {
    {{{LAM_SCHEMA_NULLABLE, "id", NULL}}, LAM_OK, "0=id:int64 1=text:string 2=value:double"},
    {{{LAM_SCHEMA_ADD, "x", "int"}}, LAM_OK, "0=id:int64! 1=text:string 2=value:double +x:int32"},
    {{{LAM_SCHEMA_DROP, "text", NULL}}, LAM_OK, "0=id:int64! 2=value:double"},
    {{{LAM_SCHEMA_RENAME, "text", "t"}}, LAM_OK, "0=id:int64! 1=t:string 2=value:double"},
    {{{LAM_SCHEMA_RENAME, "text", "value"}, {LAM_SCHEMA_RENAME, "value", "text"}},
     LAM_OK,
     "0=id:int64! 1=value:string 2=text:double"},
    {{{LAM_SCHEMA_DROP, "text", NULL}, {LAM_SCHEMA_ADD, "text", "date"}},
     LAM_OK,
     "0=id:int64! 2=value:double +text:date"},
    {{{LAM_SCHEMA_WIDEN, "id", "bigint"}, {LAM_SCHEMA_RENAME, "id", "n"}, {LAM_SCHEMA_NULLABLE, "id", NULL}},
     LAM_OK,
     "0=n:int64 1=text:string 2=value:double"},
    {{{LAM_SCHEMA_WIDEN, "id", "decimal(20,0)"}}, LAM_INVALID, "\"id\" is int64, which cannot be widened"},
    {{{LAM_SCHEMA_WIDEN, "id", "int"}}, LAM_INVALID, "\"id\" is int64, which cannot be widened to int"},
    {{{LAM_SCHEMA_WIDEN, "id", "nonsense"}}, LAM_INVALID, "column \"id\""},
    {{{LAM_SCHEMA_DROP, "none", NULL}}, LAM_NOT_FOUND, "trades has no column \"none\""},
    {{{LAM_SCHEMA_DROP, "p", NULL}}, LAM_INVALID, "only in the names of directories"},
    {{{LAM_SCHEMA_ADD, "id", "int"}}, LAM_INVALID, "\"id\""},
    {{{LAM_SCHEMA_RENAME, "id", "text"}}, LAM_INVALID, "\"text\""},
    {{{LAM_SCHEMA_RENAME, "id", "p"}}, LAM_INVALID, "\"p\""},
    {{{LAM_SCHEMA_ADD, "x", "nonsense"}}, LAM_INVALID, "nonsense"},
    {{{LAM_SCHEMA_ADD, "x", NULL}}, LAM_INVALID, "without the new name or type"},
    {{{LAM_SCHEMA_DROP, "", NULL}}, LAM_INVALID, "without the name of a column"},
    {{{LAM_SCHEMA_NULLABLE + 1, "id", NULL}}, LAM_INVALID, "the change 6 of a schema is unknown"},
    {{{LAM_SCHEMA_RENAME, "id", "a"}, {LAM_SCHEMA_RENAME, "id", "b"}}, LAM_INVALID, "\"id\" is changed twice"},
    {{{LAM_SCHEMA_RENAME, "id", "a"}, {LAM_SCHEMA_DROP, "id", NULL}}, LAM_INVALID, "\"id\" is changed twice"},
    {{{LAM_SCHEMA_DROP, "id", NULL}, {LAM_SCHEMA_NULLABLE, "id", NULL}}, LAM_INVALID, "\"id\" is changed twice"},
    {{{LAM_SCHEMA_DROP, "id", NULL}, {LAM_SCHEMA_DROP, "text", NULL}, {LAM_SCHEMA_DROP, "value", NULL}},
     LAM_INVALID,
     "column"},
};

static void test_cases(void **state) {
  (void)state;
  struct world w;
  struct lam_table *table;
  begin_world_in_memory(&w);
  put_rows(w.data, "p=1/a.parquet", 1, 2);
  OK(lam_table_open_directory(w.directory, NULL, &table, &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_error error = LAM_ERROR_INIT;
    struct lam_schema_target target;
    struct lam_arena arena;
    char text[300];
    int32_t count = 0;
    while (count < MOST_STEPS && cases[i].steps[count].kind) count++;
    lam_arena_init(&arena, mem);
    enum lam_status status = lam_schema_target_make(table, cases[i].steps, count, &arena, &target, &error);
    if (status != cases[i].expected) print_error("case %zu: %s\n", i, error.message);
    assert_int_equal(status, cases[i].expected);
    if (status == LAM_OK) {
      text_of(&target, text, sizeof text);
      assert_string_equal(text, cases[i].text);
      lam_schema_release(&target.schema);
    } else if (!strstr(error.message, cases[i].text)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    lam_arena_release(&arena);
  }
  lam_table_close(table);
  end_world_in_memory(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_cases)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
