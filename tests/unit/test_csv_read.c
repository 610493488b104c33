#include "arrow_support.h"
#include "ops/csv_read.h"

/* Gives its text out in pieces of `step` bytes. */
struct pieces {
  struct lam_bytes text;
  size_t at, step, fail_at; /* fail_at 0: never */
};

static enum lam_status read_piece(void *user, void *to, size_t room, size_t *got, struct lam_error *e) {
  struct pieces *p = user;
  size_t left = p->text.size - p->at;
  *got = left < p->step ? left : p->step;
  if (*got > room) *got = room;
  if (p->fail_at && p->at + *got >= p->fail_at) return lam_fail(e, LAM_IO, "the source failed");
  lam_copy(to, p->text.data + p->at, *got);
  p->at += *got;
  return LAM_OK;
}

/* All rows as text: columns "name:type" in brackets, then a line for each row, "~" for NULL, fields between '|'. */
static enum lam_status dump_pieces(struct pieces *pieces, const struct lam_csv_options *options, struct lam_buf *out) {
  struct lam_csv *csv;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  LAM_TRY(lam_csv_open(mem, read_piece, pieces, options, &csv, &error));
  OK(lam_csv_schema(csv, &schema, &error));
  for (int64_t i = 0; i < schema.n_children; i++) {
    struct lam_type type;
    char name[96], text[256];
    OK(lam_type_parse(schema.children[i], &type, &error));
    int n = snprintf(text, sizeof text, "[%s:%s]", schema.children[i]->name, lam_type_name(&type, name, sizeof name));
    OK(lam_buf_append(out, text, (size_t)n, &error));
  }
  OK(lam_buf_append(out, "\n", 1, &error));
  enum lam_status status;
  while ((status = lam_csv_next(csv, &batch, &error)) == LAM_OK && batch.release) {
    for (int64_t row = 0; row < batch.length; row++) {
      for (int64_t i = 0; i < schema.n_children; i++) {
        struct lam_view view;
        OK(lam_view_init(schema.children[i], batch.children[i], &view, &error));
        if (i) OK(lam_buf_append(out, "|", 1, &error));
        if (!lam_view_valid(&view, row)) OK(lam_buf_append(out, "~", 1, &error));
        OK(lam_value_text(&view, row, out, &error));
      }
      OK(lam_buf_append(out, "\n", 1, &error));
    }
    lam_array_release(&batch);
  }
  if (status == LAM_OK) assert_int_equal(lam_csv_bytes(csv), pieces->text.size);
  lam_schema_release(&schema);
  lam_csv_close(csv);
  return status;
}

static enum lam_status dump(struct lam_bytes text, const struct lam_csv_options *options, size_t step,
                            struct lam_buf *out) {
  struct pieces pieces = {.text = text, .step = step};
  lam_buf_init(out, mem);
  return dump_pieces(&pieces, options, out);
}

static const struct {
  const char *text, *expected;
} good[] = {
    {"a,b\n1,x\n-2,y\n", "[a:int64][b:string]\n1|x\n-2|y\n"},
    {"a,b\r\n1,x\r\n2,y", "[a:int64][b:string]\n1|x\n2|y\n"},
    {"a,b\r1,x\r2,y\r", "[a:int64][b:string]\n1|x\n2|y\n"},
    {"\xef\xbb\xbf"
     "a\n1\n",
     "[a:int64]\n1\n"},
    {"a,b\n1,\n,\"\"\n", "[a:int64][b:string]\n1|~\n~|\n"},
    {"a,b\n\"1\",\"x,\"\"y\"\"\nz\"\n", "[a:int64][b:string]\n1|x,\"y\"\nz\n"},
    {"a,b\n\"\",1\n\"\",2\n3,4\n", "[a:int64][b:int64]\n~|1\n~|2\n3|4\n"},
    {"a\n1\n\n3\n", "[a:int64]\n1\n~\n3\n"},
    {"\n\na,b\n\n1,2\n\n", "[a:int64][b:int64]\n1|2\n"},
    {"a,b\n 1 ,\t2\n", "[a:int64][b:int64]\n1|2\n"},
    {"a,,a2\n1,2,3\n", "[a:int64][column1:int64][a2:int64]\n1|2|3\n"},
    {"a,b\n", "[a:string][b:string]\n"},
    {"a,b", "[a:string][b:string]\n"},
    {"a\nx\"y\n", "[a:string]\nx\"y\n"},
    {"a\n\"\"\n", "[a:string]\n\n"},
    {"a\n\"x\"", "[a:string]\nx\n"},
    {"a,b\n1,", "[a:int64][b:string]\n1|~\n"},
    /* inference */
    {"a\ntrue\nFALSE\n", "[a:bool]\ntrue\nfalse\n"},
    {"a\ntrue\n1\n", "[a:string]\ntrue\n1\n"},
    {"a\n1\n2.5\n", "[a:double]\n1.0\n2.5\n"},
    {"a\n1\nnan\n", "[a:double]\n1.0\nnan\n"},
    {"a\nnan\ninf\n", "[a:string]\nnan\ninf\n"},
    {"a\n007\n", "[a:string]\n007\n"},
    {"a\n+49\n", "[a:string]\n+49\n"},
    {"a\n0\n-0.5\n", "[a:double]\n0.0\n-0.5\n"},
    {"a\n9223372036854775807\n", "[a:int64]\n9223372036854775807\n"},
    {"a\n9223372036854775808\n", "[a:string]\n9223372036854775808\n"},
    {"a\n1e3\n", "[a:double]\n1000.0\n"},
    {"a\n2001-02-03\n", "[a:date]\n2001-02-03\n"},
    {"a\n2001-02-03\n2001-02-03 04:05:06\n", "[a:timestamp[us]]\n2001-02-03 00:00:00\n2001-02-03 04:05:06\n"},
    {"a\n2001-02-03T04:05\n", "[a:timestamp[us]]\n2001-02-03 04:05:00\n"},
    {"a\n2001-02-03 04:05:06.123456789\n", "[a:timestamp[ns]]\n2001-02-03 04:05:06.123456789\n"},
    {"a\n2001-02-03 04:05:06+02\n", "[a:timestamp[us, UTC]]\n2001-02-03 02:05:06Z\n"},
    {"a\n2001-02-30\n", "[a:string]\n2001-02-30\n"},
    {"a,b\n,1\n,2\n", "[a:string][b:int64]\n~|1\n~|2\n"},
    {"a\n1 2\n", "[a:string]\n1 2\n"},
    {"a\n-\n", "[a:string]\n-\n"},
};

static void test_good(void **state) {
  (void)state;
  static const size_t steps[] = {1, 3, 1000};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    for (int s = 0; s < 3; s++) {
      struct lam_buf out;
      struct lam_csv_options options = {.sample_bytes = 64, .batch_rows = s == 0 ? 1 : 0};
      OK(dump(lam_bytes_of_string(good[i].text), &options, steps[s], &out));
      expect_text(&out, good[i].expected);
      lam_buf_release(&out);
    }
  }
}

static const struct {
  const char *text, *message;
} bad[] = {
    {"", "the input is empty"},
    {"\n\n", "the input is empty"},
    {"a,a\n", "columns 1 and 2 have the same name \"a\""},
    {"a,b\n1,2\n3\n", "line 3: the row has 1 field; there are 2 columns"},
    {"a,b\n1,2\n3,4,5,6,7\n", "line 3: the row has 5 fields; there are 2 columns"},
    {"a,b\n\"x\ny\",1\nz,1,\n", "line 4: the row has 3 fields"},
    {"a,b\n1,\"x\ny\n", "line 2, column 2 (\"b\"): the quote that opens here is not closed"},
    {"\"a\n", "line 1, column 1: the quote that opens here is not closed"},
    {"a,b\n\"x\"y,2\n", "line 2, column 1 (\"a\"): behind a closing quote there is 'y'"},
    {"a\n\xff\n", "line 2, column 1 (\"a\"): \".\" is not a value of type string: it is not UTF-8"},
    {"a\xff\n1\n", "the name \"a.\" is not UTF-8"},
    {"\xff\xfe"
     "a",
     "UTF-16"},
};

static void test_bad(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct lam_buf out;
    enum lam_status status = dump(lam_bytes_of_string(bad[i].text), NULL, 2, &out);
    if (!strstr(error.message, bad[i].message)) print_error("%zu: %s\n", i, error.message);
    assert_int_not_equal(status, LAM_OK);
    assert_non_null(strstr(error.message, bad[i].message));
    lam_buf_release(&out);
  }
}

/* The sample says int64; a later row does not. */
static void test_bad_value_behind_the_sample(void **state) {
  (void)state;
  struct lam_buf out;
  struct lam_csv_options options = {.sample_rows = 2};
  FAILS(dump(lam_bytes_of_string("a,b\n\"x\n\ny\",1\nz,2\nz,\"3\"\"\"\n"), &options, 100, &out), LAM_INVALID,
        "line 6, column 2 (\"b\"): \"3\"\" is not a value of type int64: it is not a whole number");
  lam_buf_release(&out);
}

static void test_options(void **state) {
  (void)state;
  struct lam_buf out;
  static const char *const names[] = {"x", "y"}, *const nulls[] = {"NA", "-"};
  struct lam_csv_type types[] = {{"x", type_of("decimal(10,2)")}};
  struct lam_csv_options options = {.delimiter = ';',
                                    .quote = '\'',
                                    .no_header = true,
                                    .names = names,
                                    .name_count = 2,
                                    .types = types,
                                    .type_count = 1,
                                    .nulls = nulls,
                                    .null_count = 2};
  OK(dump(lam_bytes_of_string("1.5;'a;''b'\nNA;-\n'NA';'-'\n"), &options, 100, &out));
  expect_text(&out, "[x:decimal(10,2)][y:string]\n1.50|a;'b\n~|~\n~|-\n");
  lam_buf_release(&out);
  options.no_header = false;
  OK(dump(lam_bytes_of_string("p;q\n1;2\n"), &options, 100, &out));
  expect_text(&out, "[x:decimal(10,2)][y:int64]\n1.00|2\n");
  lam_buf_release(&out);
  FAILS(dump(lam_bytes_of_string("p;q;r\n"), &options, 100, &out), LAM_INVALID, "the header has 3 fields");
  OK(dump(lam_bytes_of_string(""), &options, 100, &out));
  expect_text(&out, "[x:decimal(10,2)][y:string]\n");
  lam_buf_release(&out);
  types[0].column = "z";
  FAILS(dump(lam_bytes_of_string("1;2\n"), &options, 100, &out), LAM_NOT_FOUND, "\"z\"");
  options = (struct lam_csv_options){.no_header = true};
  OK(dump(lam_bytes_of_string("1,2\n"), &options, 100, &out));
  expect_text(&out, "[column0:int64][column1:int64]\n1|2\n");
  lam_buf_release(&out);
  options = (struct lam_csv_options){.delimiter = '"'};
  FAILS(dump(lam_bytes_of_string("1\n"), &options, 100, &out), LAM_INVALID, "delimiter");
}

static void test_nul_bytes(void **state) {
  (void)state;
  struct lam_buf out;
  OK(dump(lam_bytes_of("a\nx\0y\n", 6), NULL, 100, &out));
  assert_int_equal(out.size, 15);
  assert_memory_equal(out.data, "[a:string]\nx\0y\n", 15);
  lam_buf_release(&out);
  FAILS(dump(lam_bytes_of("a\0b\nx\n", 6), NULL, 100, &out), LAM_INVALID, "has a NUL");
}

static void test_long_rows(void **state) {
  (void)state;
  enum { SIZE = 5000 };
  struct lam_buf text, out;
  lam_buf_init(&text, mem);
  OK(lam_buf_append(&text, "a\n1\n\"", 5, &error));
  OK(lam_buf_room(&text, SIZE + 2, &error));
  memset(text.data + text.size, 'x', SIZE);
  text.size += SIZE;
  OK(lam_buf_append(&text, "\"\n", 2, &error));
  struct lam_csv_options options = {.sample_bytes = 64, .row_bytes = SIZE + 100};
  struct lam_csv_type types[] = {{"a", type_of("string")}};
  options.types = types, options.type_count = 1;
  OK(dump(lam_bytes_of(text.data, text.size), &options, 100, &out));
  assert_int_equal(out.size, 11 + 2 + SIZE + 1);
  lam_buf_release(&out);
  options.row_bytes = SIZE - 100;
  FAILS(dump(lam_bytes_of(text.data, text.size), &options, 100, &out), LAM_LIMIT, "line 3: the row that begins here");
  lam_buf_release(&out);
  lam_buf_release(&text);
}

static void test_source_fails(void **state) {
  (void)state;
  const char *text = "a,b\n1,2\n3,4\n5,6\n";
  for (size_t at = 1; at <= strlen(text); at++) {
    struct pieces pieces = {.text = lam_bytes_of_string(text), .step = 1, .fail_at = at};
    struct lam_buf out;
    struct lam_csv_options options = {.sample_bytes = 1};
    lam_buf_init(&out, mem);
    FAILS(dump_pieces(&pieces, &options, &out), LAM_IO, "the source failed");
    lam_buf_release(&out);
  }
}

/* Every allocation fails once. */
static int64_t allowed;
static void *failing_alloc(void *user, size_t size) {
  (void)user;
  return allowed-- > 0 ? aligned_alloc(64, lam_round_up(size, 64)) : NULL;
}
static void plain_free(void *user, void *memory, size_t size) {
  (void)user, (void)size;
  free(memory);
}

static enum lam_status read_all(struct lam_mem *from, const char *text, struct lam_error *e) {
  struct pieces pieces = {.text = lam_bytes_of_string(text), .step = 7};
  struct lam_csv_options options = {.sample_bytes = 64};
  struct lam_csv *csv;
  struct ArrowArray batch;
  LAM_TRY(lam_csv_open(from, read_piece, &pieces, &options, &csv, e));
  enum lam_status status;
  while ((status = lam_csv_next(csv, &batch, e)) == LAM_OK && batch.release) lam_array_release(&batch);
  lam_csv_close(csv);
  return status;
}

static void test_allocations_fail(void **state) {
  (void)state;
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.alloc = failing_alloc, options.free = plain_free, options.threads = 1;
  enum lam_status status = LAM_NO_MEMORY;
  int64_t given = 0;
  for (; status != LAM_OK && given < 1000; given++) {
    struct lam_context *failing;
    struct lam_mem *account;
    OK(lam_context_create(&options, &failing, &error));
    OK(lam_mem_open(failing, 0, &account, &error));
    allowed = given;
    status = read_all(account, "a,b,c\n1,\"x\"\"y\",\n2,,true\n3,a long one that fills the window at once,\n", &error);
    if (status != LAM_OK) assert_int_equal(status, LAM_NO_MEMORY);
    assert_int_equal(lam_mem_used(account), 0);
    lam_mem_close(account);
    lam_context_free(failing);
  }
  assert_int_equal(status, LAM_OK);
  assert_true(given > 10);
}

/* Of any number of columns. */
static void test_many_names(void **state) {
  (void)state;
  enum { COLUMNS = 6000 };
  char *text = malloc(COLUMNS * 8), *p = text;
  assert_non_null(text);
  for (int i = 0; i < COLUMNS; i++) p += sprintf(p, "%sc%d", i ? "," : "", i < COLUMNS - 1 ? i : 17);
  strcpy(p, "\n");
  struct lam_buf out;
  FAILS(dump(lam_bytes_of_string(text), NULL, 1000, &out), LAM_INVALID,
        "columns 18 and 6000 have the same name \"c17\"");
  lam_buf_release(&out);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_good),       MEM_TEST(test_bad),          MEM_TEST(test_bad_value_behind_the_sample),
      MEM_TEST(test_options),    MEM_TEST(test_nul_bytes),    MEM_TEST(test_long_rows),
      MEM_TEST(test_many_names), MEM_TEST(test_source_fails), cmocka_unit_test(test_allocations_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
