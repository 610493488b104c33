#include "json_support.h"

/* "name:type", nested ones in brackets. */
static void describe(const struct ArrowSchema *schema, char *out, size_t room) {
  size_t at = strlen(out);
  for (int64_t c = 0; c < schema->n_children; c++) {
    const struct ArrowSchema *child = schema->children[c];
    struct lam_type type;
    char name[96];
    OK(lam_type_parse(child, &type, &error));
    at += (size_t)snprintf(out + at, room - at, "%s%s:%s", c ? " " : "", child->name,
                           child->n_children ? "" : lam_type_name(&type, name, sizeof name));
    if (!child->n_children) continue;
    snprintf(out + at, room - at, "%s", strcmp(child->format, "+l") == 0 ? "[" : "{");
    describe(child, out, room);
    at = strlen(out);
    at += (size_t)snprintf(out + at, room - at, "%s", strcmp(child->format, "+l") == 0 ? "]" : "}");
  }
}

static void check(const char *text, const struct lam_json_options *options, size_t piece, const char *schema_text,
                  const char *expected) {
  struct text_source source = {.text = text, .size = strlen(text), .piece = piece};
  struct lam_json *json;
  struct ArrowSchema schema;
  char found[512] = "", *all = calloc(1, strlen(expected) + 65536);
  OK(lam_json_open(mem, read_text, &source, options, &json, &error));
  OK(lam_json_schema(json, &schema, &error));
  describe(&schema, found, sizeof found);
  assert_string_equal(found, schema_text);
  for (;;) {
    struct ArrowArray batch;
    OK(lam_json_next(json, &batch, &error));
    if (!batch.release) break;
    char *lines = json_of_batch(&schema, &batch);
    strcat(all, lines);
    free(lines);
    lam_array_release(&batch);
  }
  assert_string_equal(all, expected);
  free(all);
  lam_json_close(json);
  lam_schema_release(&schema);
}

static const struct {
  const char *text, *schema, *expected; /* NULL: as the text */
} values[] = {
    {"", "", ""},
    {"\n \r\n", "", ""},
    {"{}\n{}\n", "", "{}\n{}\n"},
    {"{\"a\":1,\"b\":1.5,\"c\":true,\"d\":\"x\"}\n", "a:int64 b:double c:bool d:string", NULL},
    {"\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"a\":2}", "a:int64", "{\"a\":1}\n{\"a\":2}\n"},
    {"{\"a\":1}\n{\"a\":2.5}\n{\"a\":null}\n{}\n", "a:double",
     "{\"a\":1.0}\n{\"a\":2.5}\n{\"a\":null}\n{\"a\":null}\n"},
    {"{\"a\":1}\n{\"b\":2}\n", "a:int64 b:int64", "{\"a\":1,\"b\":null}\n{\"a\":null,\"b\":2}\n"},
    {"{\"d\":\"2025-11-26\",\"t\":\"2025-11-26T10:00:00\"}\n", "d:date t:timestamp[us]",
     "{\"d\":\"2025-11-26\",\"t\":\"2025-11-26 10:00:00\"}\n"},
    {"{\"a\":\"12\"}\n", "a:string", NULL},
    {"{\"a\":\"NaN\"}\n{\"a\":1}\n", "a:double", "{\"a\":\"NaN\"}\n{\"a\":1.0}\n"},
    {"{\"a\":[1,2]}\n{\"a\":[]}\n{\"a\":null}\n{\"a\":[null,3]}\n", "a:[element:int64]", NULL},
    {"{\"a\":[[1],[],null,[2,3]]}\n", "a:[element:[element:int64]]", NULL},
    {"{\"a\":{\"x\":1,\"y\":\"s\"}}\n{\"a\":null}\n{\"a\":{\"x\":null,\"y\":null}}\n", "a:{x:int64 y:string}", NULL},
    {"{\"a\":[{\"k\":\"a\",\"v\":[1.5]},null]}\n{\"a\":[{\"k\":null,\"v\":null}]}\n",
     "a:[element:{k:string v:[element:double]}]", NULL},
    {"{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":[1,{\"b\":2}]}\n{\"a\":true}\n", "a:string",
     "{\"a\":\"1\"}\n{\"a\":\"x\"}\n{\"a\":\"[1,{\\\"b\\\":2}]\"}\n{\"a\":\"true\"}\n"},
    {"{\"a\":{}}\n{\"a\":[]}\n", "a:string", "{\"a\":\"{}\"}\n{\"a\":\"[]\"}\n"},
    {"{\"a\":[]}\n", "a:[element:string]", NULL},
    {"{\"a\":null}\n", "a:string", NULL},
    {"{\"a\":\"\\u0000\\u00e9\\ud83d\\ude00\"}\n", "a:string", "{\"a\":\"\\u0000\xc3\xa9\xf0\x9f\x98\x80\"}\n"},
};

static void test_values(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    const char *expected = values[i].expected ? values[i].expected : values[i].text;
    for (size_t piece = 0; piece < 8; piece += 7) check(values[i].text, NULL, piece, values[i].schema, expected);
  }
}

static void test_given_types(void **state) {
  (void)state;
  struct lam_csv_type types[2] = {{.column = "a"}, {.column = "z"}};
  OK(lam_type_parse_name("decimal(10,2)", &types[0].type, &error));
  OK(lam_type_parse_name("int32", &types[1].type, &error));
  struct lam_json_options options = {.types = types, .type_count = 2};
  check("{\"a\":1.5}\n{\"a\":\"2.25\",\"b\":1}\n", &options, 0, "a:decimal(10,2) b:int64 z:int32",
        "{\"a\":1.50,\"b\":null,\"z\":null}\n{\"a\":2.25,\"b\":1,\"z\":null}\n");
}

/* Lines that are read for the sample come again as rows, whatever window and batch they lie in. */
static void test_windows(void **state) {
  (void)state;
  char text[8192] = "", expected[8192] = "";
  for (int i = 0; i < 200; i++) {
    char line[64];
    snprintf(line, sizeof line, "{\"a\":%d,\"b\":[%d,%d]}\n", i, i, i + 1);
    strcat(text, line);
    strcat(expected, line);
    if (i % 7 == 0) strcat(text, "\n\n");
  }
  for (size_t sample = 1; sample < 300; sample += 37) {
    for (int64_t rows = 1; rows < 300; rows = rows * 3 + 1) {
      struct lam_json_options options = {
          .sample_bytes = sample, .sample_rows = rows, .batch_rows = rows, .batch_bytes = sample * 3};
      check(text, &options, sample % 5, "a:int64 b:[element:int64]", expected);
    }
  }
}

static const struct {
  const char *text, *problem;
} faults[] = {
    {"{\"a\":1}\n{\"a\":\n", "line 2, byte "},
    {"{\"a\":1}\n\n[1]\n", "line 3: an array; expected an object of JSON on each line"},
    {"{\"a\":1,\"a\":2}\n", "line 1, byte "},
    {"{\"a\":99999999999999999999}\n", "line 1, byte "},
    {"17\n", "line 1, byte "},
    {"{\"a\":1}\n{\"a\":\"\xff\"}\n", "line 2, byte "},
};

static void test_faults(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct text_source source = {.text = faults[i].text, .size = strlen(faults[i].text)};
    struct lam_json *json;
    FAILS(lam_json_open(mem, read_text, &source, NULL, &json, &error), LAM_INVALID, faults[i].problem);
    assert_null(json);
  }
}

static const struct {
  const char *text, *problem;
} late_faults[] = {
    {"{\"a\":1}\n{\"a\":\"x\"}\n", "line 2: \"a\": "},
    {"{\"a\":1}\n{\"a\":1.5}\n", "line 2: \"a\": "},
    {"{\"a\":1}\n{\"b\":1}\n", "line 2: the member \"b\" is not in the lines that the schema was inferred from"},
    {"{\"a\":[1]}\n{\"a\":[1,[2]]}\n", "line 2: \"a\": element 1: "},
    {"{\"a\":[1]}\n{\"a\":1}\n", "line 2: \"a\": expected an array, found \"1\""},
    {"{\"a\":{\"b\":{\"c\":1}}}\n{\"a\":{\"b\":{\"c\":true}}}\n", "line 2: \"a\": \"b\": \"c\": "},
    {"{\"a\":{\"b\":1}}\n{\"a\":[]}\n", "line 2: \"a\": expected an object, found \"[]\""},
};

/* Behind the sample. The batch with the bad line is not given out, and nothing after it. */
static void test_late_faults(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof late_faults / sizeof *late_faults; i++) {
    struct text_source source = {.text = late_faults[i].text, .size = strlen(late_faults[i].text)};
    struct lam_json_options options = {.sample_rows = 1};
    struct lam_json *json;
    struct ArrowArray batch;
    OK(lam_json_open(mem, read_text, &source, &options, &json, &error));
    FAILS(lam_json_next(json, &batch, &error), LAM_INVALID, late_faults[i].problem);
    assert_null(batch.release);
    FAILS(lam_json_next(json, &batch, &error), LAM_INVALID, "failed before");
    lam_json_close(json);
  }
}

static void test_limits(void **state) {
  (void)state;
  char *deep = malloc(4096);
  assert_non_null(deep);
  strcpy(deep, "{\"a\":");
  for (int i = 0; i < 100; i++) strcat(deep, "[");
  for (int i = 0; i < 100; i++) strcat(deep, "]");
  strcat(deep, "}\n");
  struct text_source source = {.text = deep, .size = strlen(deep)};
  struct lam_json *json;
  FAILS(lam_json_open(mem, read_text, &source, NULL, &json, &error), LAM_UNSUPPORTED, "line 1: values are nested");
  struct lam_json_options options = {.row_bytes = 64, .sample_bytes = 16};
  source.at = 0;
  FAILS(lam_json_open(mem, read_text, &source, &options, &json, &error), LAM_LIMIT, "line 1 is longer than 64 bytes");
  free(deep);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_values), MEM_TEST(test_given_types), MEM_TEST(test_windows),
                                     MEM_TEST(test_faults), MEM_TEST(test_late_faults), MEM_TEST(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
