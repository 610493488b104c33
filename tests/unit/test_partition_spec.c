/* The texts of `--by`. */
#include "ops_support.h"

#include "ops/partition_spec.h"

/* Fields as "name=kind:text of the expression:parameter;". */
static char *describe(const struct lam_partition_spec *spec) {
  struct lam_buf out;
  lam_buf_init(&out, mem);
  for (int32_t i = 0; i < spec->count; i++) {
    const struct lam_spec_field *field = &spec->fields[i];
    char parameter[32];
    static const char *const kinds[] = {"=column:", "=expression:", "=bucket:", "=truncate:"};
    bool truncate = field->kind == LAM_SPEC_TRANSFORM && field->transform == LAM_TRANSFORM_TRUNCATE;
    assert_string_equal(spec->names[i], field->name);
    append_text(&out, field->name);
    append_text(&out, kinds[field->kind + truncate]);
    OK(lam_expr_print(field->expr, &out, &error));
    snprintf(parameter, sizeof parameter, ":%d;", field->parameter);
    append_text(&out, parameter);
  }
  return text_of_buf(&out);
}

static void test_parse(void **state) {
  (void)state;
  static const struct {
    const char *text, *wanted;
  } cases[] = {
      {"", ""},
      {" \n", ""},
      {"a", "a=column:a:0;"},
      {" a , \"b,c\" ", "a=column:a:0;b,c=column:\"b,c\":0;"},
      {"hour=hour(ts)", "hour=expression:hour(ts):0;"},
      {"hour(ts)", "ts_hour=expression:hour(ts):0;"},
      {"bucket(16, id)", "id_bucket=bucket:id:16;"},
      {"b = BUCKET ( 16 , \"i,d)\" ) ", "b=bucket:\"i,d)\":16;"},
      {"truncate(4,s)", "s_trunc=truncate:s:4;"},
      {"x=coalesce(a,'=,(')", "x=expression:coalesce(a, '=,('):0;"},
      {"big=a>=3,e=a=b", "big=expression:a >= 3:0;e=expression:a = b:0;"},
      {"year(d),month(d),bucket", "d_year=expression:year(d):0;d_month=expression:month(d):0;bucket=column:bucket:0;"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_partition_spec spec;
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    OK(lam_partition_spec_parse(cases[i].text, &arena, &spec, &error));
    char *text = describe(&spec);
    assert_string_equal(text, cases[i].wanted);
    free(text);
    lam_arena_release(&arena);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"a,,b", "empty part"},
      {"a,", "empty part"},
      {"a,a", "\"a\" twice"},
      {"ts_hour=x,hour(ts)", "\"ts_hour\" twice"},
      {"a+1", "needs a name"},
      {"address.city", "needs a name"},
      {"coalesce(a,b)", "needs a name"},
      {"a+1=b", "expected name=EXPR"},
      {"x=(", "in the partitioning"},
      {"'a", "in the partitioning"},
      {"bucket(0,a)", "expected bucket(WIDTH, column)"},
      {"bucket(-1,a)", "expected bucket(WIDTH, column)"},
      {"bucket(99999999999,a)", "expected bucket(WIDTH, column)"},
      {"bucket(4)", "expected bucket(WIDTH, column)"},
      {"bucket(4,a", "expected bucket(WIDTH, column)"},
      {"bucket(4,", "expected bucket(WIDTH, column)"},
      {"truncate(4,a+1)", "truncate takes a column"},
      {"bucket(4,a.b)", "bucket takes a column"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_partition_spec spec;
    struct lam_arena arena;
    lam_arena_init(&arena, mem);
    FAILS(lam_partition_spec_parse(cases[i].text, &arena, &spec, &error), LAM_INVALID, cases[i].message);
    lam_arena_release(&arena);
  }
}

/* Any text is parsed or refused. */
static void test_any_text(void **state) {
  (void)state;
  static const char pieces[][12] = {"a", "b",  ",", "=",    "(", ")", "bucket(", "truncate(", "4",
                                    "'", "\"", " ", "hour", ".", ">", "é",       "-",         "bucket(4,a)"};
  uint64_t seed = seed_of_test();
  for (int round = 0; round < 20000; round++) {
    char text[160] = "";
    struct lam_partition_spec spec;
    struct lam_arena arena;
    for (uint64_t n = next_random(&seed) % 12; n > 0; n--)
      strcat(text, pieces[next_random(&seed) % (sizeof pieces / sizeof *pieces)]);
    lam_arena_init(&arena, mem);
    if (lam_partition_spec_parse(text, &arena, &spec, NULL) == LAM_OK)
      for (int32_t i = 0; i < spec.count; i++) assert_true(spec.fields[i].name && spec.fields[i].expr);
    lam_arena_release(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_parse), OPS_TEST(test_refused), OPS_TEST(test_any_text)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
