/* The join of an upsert against a naive one: random multisets of keys of several types, NULL, NaN, zeros of both signs
 * and strings with NULs among them, in memory and spilled. */
#include "ops_support.h"

#include <math.h>

#include "arrow/value_text.h"
#include "ops/key_hash.h"
#include "ops/key_join.h"

enum { MOST_ROWS = 3000 };

/* Keys are a double, a string and a small integer, made of numbers so that a model can compare them; 0 is NULL. */
struct key {
  int number, text, small;
};
struct table {
  struct key keys[MOST_ROWS];
  int64_t count;
};

static double double_of(int n) {
  static const double odd[] = {0, NAN, 0.0, INFINITY, -INFINITY};
  return n < 5 ? odd[n] : n * 0.5 - 1000;
}
/* A zero or NaN of another form: keys do not tell them apart. */
static double disguised(int n, bool other) {
  if (n == 2) return other ? -0.0 : 0.0;
  return n == 1 && other ? -NAN : double_of(n);
}
static struct lam_bytes text_of(int n) {
  static const struct lam_bytes texts[] = {{NULL, 0},
                                           {(const uint8_t *)"", 0},
                                           {(const uint8_t *)"\0", 1},
                                           {(const uint8_t *)"\0\xff", 2},
                                           {(const uint8_t *)"a", 1},
                                           {(const uint8_t *)"a\0b", 3},
                                           {(const uint8_t *)"a long text of many bytes", 25}};
  return texts[n];
}
static bool is_null(struct key key, int columns) {
  return !key.number || (columns > 1 && !key.text) || (columns > 2 && !key.small);
}
static bool same(struct key a, struct key b, int columns) {
  return a.number == b.number && (columns < 2 || a.text == b.text) && (columns < 3 || a.small == b.small);
}

static void random_table(uint64_t *seed, int64_t count, int range, struct table *out) {
  out->count = count;
  for (int64_t i = 0; i < count; i++)
    out->keys[i] = (struct key){(int)(next_random(seed) % (unsigned)range), (int)(next_random(seed) % 7),
                                (int)(next_random(seed) % 3)};
}

static void join_schema(struct ArrowSchema *out) {
  OK(lam_schema_init_struct("", 4, out, &error));
  set_column(out, 0, "number", LAM_TYPE_FLOAT64);
  set_column(out, 1, "text", LAM_TYPE_STRING);
  set_column(out, 2, "small", LAM_TYPE_INT8);
  set_column(out, 3, "row", LAM_TYPE_INT64);
}

static void make_rows(const struct ArrowSchema *schema, const struct table *table, int64_t first, int64_t count,
                      uint64_t *seed, struct ArrowArray *out) {
  struct lam_builder builders[4];
  for (int c = 0; c < 4; c++) {
    struct lam_type type;
    OK(lam_type_parse(schema->children[c], &type, &error));
    OK(lam_builder_init(&builders[c], mem, &type, &error));
  }
  for (int64_t i = first; i < first + count; i++) {
    struct key key = table->keys[i];
    double number = disguised(key.number, next_random(seed) & 1);
    int8_t small = (int8_t)key.small;
    OK(key.number ? lam_builder_fixed(&builders[0], &number, &error) : lam_builder_null(&builders[0], &error));
    OK(key.text ? lam_builder_bytes(&builders[1], text_of(key.text), &error) : lam_builder_null(&builders[1], &error));
    OK(key.small ? lam_builder_fixed(&builders[2], &small, &error) : lam_builder_null(&builders[2], &error));
    OK(lam_builder_fixed(&builders[3], &i, &error));
  }
  OK(lam_array_init_struct(count, 4, out, &error));
  for (int c = 0; c < 4; c++) {
    OK(lam_builder_finish(&builders[c], out->children[c], &error));
    lam_builder_release(&builders[c]);
  }
}

static struct lam_sorter *sorted(const struct ArrowSchema *schema, const struct table *table, int columns,
                                 uint64_t room, uint64_t *seed) {
  static const struct lam_sort_key keys[] = {{.column = "number"}, {.column = "text"}, {.column = "small"}};
  struct lam_sorter *sorter;
  OK(lam_sorter_open(mem, schema, keys, columns, room, &sorter, &error));
  for (int64_t i = 0; i < table->count;) {
    struct ArrowArray batch;
    int64_t count = lam_min_i64(table->count - i, 1 + (int64_t)(next_random(seed) % 400));
    make_rows(schema, table, i, count, seed, &batch);
    OK(lam_sorter_add(sorter, &batch, &error));
    i += count;
  }
  OK(lam_sorter_finish(sorter, &error));
  return sorter;
}

/* ---- what the join says, and what is right ---- */

enum { NOT_SAID = -1, INSERTED = -2 };
struct said {
  int64_t source[MOST_ROWS]; /* the row of the table that each row met; INSERTED; -3 - i: repeats row i */
  bool extra[MOST_ROWS];     /* of the table */
  int64_t batches;
};

static int64_t row_at(const struct lam_key_cursor *cursor) {
  const struct ArrowArray *rows = cursor->batch.children[3];
  return ((const int64_t *)rows->buffers[1])[rows->offset + cursor->row];
}
static void say(struct said *said, const struct lam_key_cursor *source, int64_t what) {
  assert_int_equal(said->source[row_at(source)], NOT_SAID);
  said->source[row_at(source)] = what;
}
static enum lam_status repeated(void *user, const struct lam_key_cursor *source, int64_t first, struct lam_error *e) {
  (void)e;
  say(user, source, -3 - first);
  return LAM_OK;
}
static enum lam_status insert(void *user, const struct lam_key_cursor *source, struct lam_error *e) {
  (void)e;
  say(user, source, INSERTED);
  return LAM_OK;
}
static enum lam_status match(void *user, const struct lam_key_cursor *source, const struct lam_key_cursor *table,
                             struct lam_error *e) {
  (void)e;
  say(user, source, row_at(table));
  return LAM_OK;
}
static enum lam_status extra(void *user, const struct lam_key_cursor *table, struct lam_error *e) {
  struct said *said = user;
  (void)e;
  assert_false(said->extra[row_at(table)]);
  said->extra[row_at(table)] = true;
  return LAM_OK;
}
static enum lam_status end_batch(void *user, const struct lam_key_cursor *source, struct lam_error *e) {
  (void)e;
  assert_int_equal(source->row + 1, source->batch.length);
  ((struct said *)user)->batches++;
  return LAM_OK;
}

static void want_join(const struct said *said, const struct table *source, const struct table *table, int columns) {
  for (int64_t s = 0; s < source->count; s++) {
    struct key key = source->keys[s];
    int64_t expected = INSERTED, before = 0;
    bool null = is_null(key, columns);
    while (!null && before < s && !same(source->keys[before], key, columns)) before++;
    if (!null && before < s) {
      assert_int_equal(said->source[s], -3 - before);
      continue;
    }
    for (int64_t t = 0; !null && t < table->count; t++) {
      if (!same(table->keys[t], key, columns)) continue;
      assert_int_equal(said->extra[t], expected != INSERTED);
      if (expected == INSERTED) expected = t;
    }
    assert_int_equal(said->source[s], expected);
  }
  for (int64_t t = 0; t < table->count; t++) {
    int64_t s = 0;
    while (s < source->count && !same(source->keys[s], table->keys[t], columns)) s++;
    if (s == source->count || is_null(table->keys[t], columns)) assert_false(said->extra[t]);
  }
}

static void join_once(uint64_t *seed, int64_t rows, int columns, uint64_t room) {
  static const struct lam_key_join calls = {repeated, insert, match, extra, end_batch};
  static const int32_t key_columns[] = {0, 1, 2};
  static struct table source, table;
  static struct said said;
  struct ArrowSchema schema;
  struct lam_key_cursor a, b;
  int range = 4 + (int)(next_random(seed) % (unsigned)(rows + 1));
  random_table(seed, (int64_t)(next_random(seed) % (uint64_t)(rows + 1)), range, &source);
  random_table(seed, (int64_t)(next_random(seed) % (uint64_t)(rows + 1)), range, &table);
  memset(&said, 0, sizeof said);
  for (int64_t i = 0; i < MOST_ROWS; i++) said.source[i] = NOT_SAID;
  join_schema(&schema);
  struct lam_sorter *x = sorted(&schema, &source, columns, room, seed),
                    *y = sorted(&schema, &table, columns, room, seed);
  if (room < 10000 && source.count > 2000) assert_true(lam_sorter_runs(x) > 0);
  OK(lam_key_cursor_init(&a, mem, x, &schema, key_columns, columns, &error));
  OK(lam_key_cursor_init(&b, mem, y, &schema, key_columns, columns, &error));
  OK(lam_join_keys(&a, &b, 3, &calls, &said, &error));
  want_join(&said, &source, &table, columns);
  assert_int_equal(said.batches > 0, source.count > 0);
  lam_key_cursor_release(&a);
  lam_key_cursor_release(&b);
  lam_sorter_close(x);
  lam_sorter_close(y);
  lam_schema_release(&schema);
}

static void test_against_a_naive_join(void **state) {
  uint64_t seed = seed_of_test();
  (void)state;
  for (int columns = 1; columns <= 3; columns++) {
    for (int i = 0; i < 20; i++) join_once(&seed, 1 + i * 5, columns, 1 << 20);
    join_once(&seed, MOST_ROWS, columns, 4096);
  }
}

/* Keys that are equal as codes have one hash; others hardly ever. */
static void test_hashes(void **state) {
  static const int32_t columns[] = {0, 1, 2};
  static struct table table;
  uint64_t seed = seed_of_test(), hashes[2][500];
  uint8_t nulls[500];
  struct ArrowSchema schema;
  int64_t collisions = 0;
  (void)state;
  random_table(&seed, 500, 40, &table);
  join_schema(&schema);
  for (int i = 0; i < 2; i++) {
    struct ArrowArray batch;
    make_rows(&schema, &table, 0, 500, &seed, &batch);
    OK(lam_keys_hash(&schema, &batch, columns, 3, hashes[i], nulls, &error));
    lam_array_release(&batch);
  }
  for (int64_t a = 0; a < 500; a++) {
    assert_int_equal(nulls[a], is_null(table.keys[a], 3));
    for (int64_t b = 0; b < 500; b++) {
      bool equal = hashes[0][a] == hashes[1][b];
      if (is_null(table.keys[a], 3) || is_null(table.keys[b], 3)) continue;
      if (same(table.keys[a], table.keys[b], 3)) assert_true(equal);
      collisions += equal && !same(table.keys[a], table.keys[b], 3);
    }
  }
  assert_int_equal(collisions, 0);
  lam_schema_release(&schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_against_a_naive_join), OPS_TEST(test_hashes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
