/* Bounds of statistics as people read them. */
#include "arrow_support.h"

#include "parquet/schema.h"
#include "parquet/statistics.h"

static const struct {
  const char *type, *bytes; /* hexadecimal */
  const char *text;
  bool literal;
} cases[] = {
    {"bool", "01", "true", true},
    {"bool", "0100", "0100", false}, /* not of the type's width: its bytes */
    {"int32", "feffffff", "-2", true},
    {"int32", "feff", "feff", false},
    {"uint8", "ff000000", "255", true},
    {"int64", "0000000000000080", "-9223372036854775808", true},
    {"float", "0000c03f", "1.5", true},
    {"double", "000000000000f07f", "inf", false},
    {"string", "c3bc", "\xc3\xbc", false},
    {"binary", "00ff", "00ff", false},
    {"fixed_size_binary[2]", "0aff", "0aff", false},
    {"date", "01000000", "1970-01-02", false},
    {"timestamp[us]", "40420f0000000000", "1970-01-01 00:00:01", false},
    {"decimal(5,2)", "003039", "123.45", false},
    {"decimal(30,2)", "ffffffffffffffffffffffffff", "-0.01", false},
};

static void text_of(const char *type_name, int logical, const char *hexadecimal, struct lam_buf *out, bool *literal) {
  struct lam_file_meta meta = {0};
  struct lam_arena arena;
  struct ArrowSchema schema;
  struct lam_type type = type_of(type_name);
  uint8_t bytes[32];
  size_t size = strlen(hexadecimal) / 2;
  for (size_t i = 0; i < size; i++) {
    unsigned byte;
    assert_int_equal(sscanf(hexadecimal + 2 * i, "%2x", &byte), 1);
    bytes[i] = (uint8_t)byte;
  }
  lam_arena_init(&arena, mem);
  OK(lam_schema_init_struct("", 1, &schema, &error));
  OK(lam_schema_init(&type, "x", true, schema.children[0], &error));
  OK(lam_schema_to_parquet(&schema, &arena, &meta, &error));
  if (logical) meta.nodes[1].logical.kind = (enum lam_logical_kind)logical;
  out->size = 0;
  OK(lam_bound_text(&meta, 0, lam_bytes_of(bytes, size), out, literal, &error));
  OK(lam_buf_append(out, "", 1, &error));
  lam_schema_release(&schema);
  lam_arena_release(&arena);
}

static void test_texts(void **state) {
  (void)state;
  struct lam_buf out;
  bool literal;
  lam_buf_init(&out, mem);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text_of(cases[i].type, 0, cases[i].bytes, &out, &literal);
    assert_string_equal(out.data, cases[i].text);
    if (literal != cases[i].literal) fail_msg("%s", cases[i].type);
  }
  text_of("fixed_size_binary[16]", LAM_LOGICAL_UUID, "00112233445566778899aabbccddeeff", &out, &literal);
  assert_string_equal(out.data, "00112233-4455-6677-8899-aabbccddeeff");
  text_of("fixed_size_binary[16]", LAM_LOGICAL_UUID, "0011", &out, &literal);
  assert_string_equal(out.data, "0011");
  lam_buf_release(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
