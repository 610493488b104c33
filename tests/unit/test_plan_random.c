/* Random tables and conditions: no row outside a plan matches, all rows of what is whole do, a scan reads no other
 * bytes than the plan's, and those are enough to decode its rows. */
#include <pthread.h>
#include <stdlib.h>

#include "condition_support.h"
#include "parquet/pull.h"
#include "parquet/writer.h"
#include "table/listing.h"
#include "table/table.h"

struct place {
  char path[64];
  struct lam_store *store;
};
static void begin(struct place *p) {
  const char *root = getenv("TMPDIR");
  snprintf(p->path, sizeof p->path, "%s/lamella-plan-XXXXXX", root ? root : "/tmp");
  assert_non_null(mkdtemp(p->path));
  OK(lam_store_local(context, p->path, &p->store, &error));
}
static void end(struct place *p) {
  OK(lam_store_remove_tree(p->store, "", &error));
  lam_store_close(p->store);
}
static void put_batch(struct lam_store *store, const char *key, const struct ArrowSchema *schema,
                      const struct ArrowArray *batch, const struct lam_write_options *options) {
  struct lam_writer *writer;
  OK(lam_writer_open_in(store, key, schema, options, mem, &writer, &error));
  OK(lam_writer_write(writer, batch, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}

/* ---- a store that notes what is read ---- */

enum { MOST_INPUTS = 64 };
struct recorder {
  struct lam_store base, *inner;
  struct lam_store_ops ops;
  pthread_mutex_t lock;
  struct lam_input *inputs[MOST_INPUTS];
  char keys[MOST_INPUTS][64];
  struct lam_buf reads; /* struct noted */
};
struct noted {
  char key[64];
  uint64_t offset, size;
};

static enum lam_status recorded_open(struct lam_store *store, const char *key, struct lam_input **out,
                                     struct lam_object_info *info, struct lam_error *e) {
  struct recorder *recorder = (struct recorder *)store;
  LAM_TRY(recorder->inner->ops->open(recorder->inner, key, out, info, e));
  pthread_mutex_lock(&recorder->lock);
  int at = 0;
  while (recorder->inputs[at]) at++;
  recorder->inputs[at] = *out;
  snprintf(recorder->keys[at], sizeof recorder->keys[at], "%s", key);
  pthread_mutex_unlock(&recorder->lock);
  return LAM_OK;
}
static struct recorder *the_recorder; /* inputs are the inner store's */
static int place_of(const struct lam_input *input) {
  int at = 0;
  while (the_recorder->inputs[at] != input) at++;
  return at;
}
static enum lam_status recorded_read(struct lam_input *input, uint64_t offset, void *to, size_t size,
                                     struct lam_error *e) {
  struct noted noted = {.offset = offset, .size = size};
  pthread_mutex_lock(&the_recorder->lock);
  memcpy(noted.key, the_recorder->keys[place_of(input)], sizeof noted.key);
  OK(lam_buf_append(&the_recorder->reads, &noted, sizeof noted, &error));
  pthread_mutex_unlock(&the_recorder->lock);
  return input->store->ops->read(input, offset, to, size, e);
}
static void recorded_close(struct lam_input *input) {
  pthread_mutex_lock(&the_recorder->lock);
  the_recorder->inputs[place_of(input)] = NULL;
  pthread_mutex_unlock(&the_recorder->lock);
  input->store->ops->close_input(input);
}
static void record(struct recorder *recorder, struct lam_table *table) {
  *recorder = (struct recorder){.inner = table->directory->data, .lock = PTHREAD_MUTEX_INITIALIZER};
  recorder->base = *recorder->inner;
  recorder->ops = *recorder->inner->ops;
  recorder->ops.open = recorded_open;
  recorder->ops.read = recorded_read;
  recorder->ops.close_input = recorded_close;
  recorder->base.ops = &recorder->ops;
  lam_buf_init(&recorder->reads, mem);
  the_recorder = recorder;
  table->directory->data = &recorder->base;
}
static void stop_recording(struct recorder *recorder, struct lam_table *table) {
  table->directory->data = recorder->inner;
  lam_buf_release(&recorder->reads);
}

/* ---- random tables ---- */

enum { TABLES = 5, FILES = 2, CONDITIONS = 24, ROWS = 9000 };

struct random_file {
  char key[32];
  struct ArrowArray rows;
  uint8_t outcomes[ROWS];
  uint8_t *allowed; /* a scan may read the byte */
  struct lam_file *file;
  uint64_t size;
};
struct random_table {
  struct place place;
  struct columns columns;
  struct ArrowSchema schema;
  struct random_file files[FILES];
  bool indexes;
  const char *columns_asked[MOST_COLUMNS];
  int asked;
};

static void make_table(uint64_t *seed, struct random_table *t) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options columns[MOST_COLUMNS];
  static const char *const names[] = {"c0", "c1", "c2", "c3"};
  begin(&t->place);
  random_columns(seed, &t->columns);
  columns_schema(&t->columns, &t->schema);
  t->indexes = below(seed, 2);
  for (int c = 0; c < t->columns.count; c++)
    columns[c] = (struct lam_column_options){.name = names[c],
                                             .codec = below(seed, 2) ? LAM_WRITE_NONE : LAM_WRITE_DEFAULT,
                                             .encoding = below(seed, 3) ? LAM_ENCODE_PLAIN : LAM_ENCODE_DEFAULT};
  options.columns = columns;
  options.column_count = t->columns.count;
  options.row_group_rows = 1000 + below(seed, 3000);
  options.page_rows = 50 + below(seed, 900);
  options.no_page_index = !t->indexes;
  options.no_sync = true;
  for (int f = 0; f < FILES; f++) {
    struct random_file *file = &t->files[f];
    snprintf(file->key, sizeof file->key, "%c.parquet", 'a' + f);
    random_batch(seed, &t->columns, ROWS, &file->rows);
    put_batch(t->place.store, file->key, &t->schema, &file->rows, &options);
    OK(lam_file_open_in(t->place.store, file->key, NULL, mem, &file->file, &error));
    file->size = lam_file_size(file->file);
    file->allowed = malloc(file->size);
  }
}
static void drop_table(struct random_table *t) {
  for (int f = 0; f < FILES; f++) {
    lam_array_release(&t->files[f].rows);
    lam_file_close(t->files[f].file);
    free(t->files[f].allowed);
  }
  lam_schema_release(&t->schema);
  end(&t->place);
}

static struct random_file *file_named(struct random_table *t, const char *path) {
  for (int f = 0; f < FILES; f++)
    if (strcmp(lam_key_name(path), t->files[f].key) == 0) return &t->files[f];
  fail_msg("%s", path);
  return NULL;
}
static void allow(struct random_file *file, int64_t offset, uint64_t size) {
  if (offset > 0 && size > 0) memset(file->allowed + offset, 1, size);
}

/* ---- that the ranges suffice ---- */

/* A file of which the plan's ranges are kept, and all else is zeros. */
struct masked {
  const struct lam_file *file;
  const struct lam_plan_file *plan;
};
static enum lam_status read_masked(const void *user, uint64_t offset, void *to, size_t size, struct lam_error *e) {
  const struct masked *masked = user;
  memset(to, 0, size);
  for (size_t i = 0; i < masked->plan->range_count; i++) {
    uint64_t first = masked->plan->ranges[i].offset, last = first + masked->plan->ranges[i].size;
    first = lam_max_u64(first, offset);
    last = lam_min_u64(last, offset + size);
    if (first < last)
      LAM_TRY(lam_file_read(masked->file, first, (uint8_t *)to + (first - offset), (size_t)(last - first), e));
  }
  return LAM_OK;
}

struct decoded {
  struct lam_decode_buffers buffers;
  uint8_t *memory;
};
enum { DECODED = 4 << 20, FOURTH = DECODED / 4 };
static void decode(const struct lam_chunk_source *source, const struct lam_plan_row_group *group, struct decoded *out) {
  struct lam_range ranges[ROWS];
  for (size_t i = 0; i < group->kept_count; i++)
    ranges[i] = (struct lam_range){group->kept[i].first, group->kept[i].end};
  memset(out->memory, 0, DECODED);
  out->buffers = (struct lam_decode_buffers){.validity = out->memory,
                                             .validity_size = FOURTH,
                                             .offsets = (int32_t *)(void *)(out->memory + FOURTH),
                                             .offsets_size = FOURTH,
                                             .values = out->memory + 2 * FOURTH,
                                             .values_size = 2 * FOURTH};
  OK(lam_chunk_decode(source, ranges, group->kept_count, mem, &out->buffers, &error));
  assert_int_equal(out->buffers.rows, group->rows_kept);
}

static void want_same_values(const struct random_file *file, const struct lam_plan_file *plan,
                             const struct lam_plan_row_group *group, int32_t leaf) {
  static uint8_t memory[2][DECODED];
  const struct lam_file_meta *meta = lam_file_meta(file->file);
  struct masked masked = {file->file, plan};
  struct lam_arena arena;
  struct lam_leaf type;
  struct lam_offset_index index;
  struct decoded whole = {.memory = memory[0]}, part = {.memory = memory[1]};
  lam_arena_init(&arena, mem);
  OK(lam_leaf_of_node(meta, meta->leaves[leaf], &type, &error));
  OK(lam_offset_index_read(file->file, group->index, leaf, &arena, &index, &error));
  struct lam_chunk_source source = {.bytes = lam_file_source(file->file),
                                    .window = 1 << 16,
                                    .codec = (enum lam_codec)meta->row_groups[group->index].chunks[leaf].codec,
                                    .leaf = &type,
                                    .rows = (int64_t)group->rows,
                                    .values = (int64_t)group->rows,
                                    .checksums = true};
  OK(lam_chunk_range(file->file, group->index, leaf, &source.offset, &source.size, &error));
  if (index.count > 0) {
    source.pages = index.pages;
    source.page_count = index.count;
  }
  decode(&source, group, &whole);
  source.bytes = (struct lam_byte_source){.read = read_masked, .user = &masked};
  decode(&source, group, &part);
  assert_int_equal(whole.buffers.nulls, part.buffers.nulls);
  assert_memory_equal(memory[0], memory[1], DECODED);
  lam_arena_release(&arena);
}

/* ---- against brute force ---- */

struct checking {
  struct random_table *table;
  uint64_t rows, whole;
};

static void check_group(struct random_table *t, struct random_file *file, const struct lam_plan_file *plan,
                        const struct lam_plan_row_group *group, int64_t base) {
  size_t k = 0;
  for (int64_t row = 0; row < (int64_t)group->rows; row++) {
    while (k < group->kept_count && group->kept[k].end <= row) k++;
    bool kept = k < group->kept_count && group->kept[k].first <= row, matches = file->outcomes[base + row] == 1;
    if (matches) assert_true(kept);
    if (kept && group->verdict == LAM_PLAN_WHOLE) assert_true(matches);
  }
  assert_int_equal(group->verdict == LAM_PLAN_SKIPPED, group->rows_kept == 0);
  if (group->rows_kept == 0) return;
  for (int i = 0; i < t->asked; i++) want_same_values(file, plan, group, t->columns_asked[i][1] - '0');
}

static void allow_group(struct random_table *t, struct random_file *file, const struct lam_plan_row_group *group) {
  const struct lam_file_meta *meta = lam_file_meta(file->file);
  for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++) {
    const struct lam_chunk_meta *chunk = &meta->row_groups[group->index].chunks[leaf];
    uint64_t offset, size;
    OK(lam_chunk_range(file->file, group->index, leaf, &offset, &size, &error));
    /* A scan goes from page to page where it passes over few rows, and reads some bytes ahead. */
    bool partly = group->rows_kept > 0 && group->rows_kept < group->rows;
    assert_true(t->indexes || !partly);
    if (partly && memchr(file->allowed + offset, 1, size)) allow(file, (int64_t)offset, size);
    allow(file, chunk->offset_index_offset, (uint64_t)chunk->offset_index_length);
    allow(file, chunk->column_index_offset, (uint64_t)chunk->column_index_length);
    allow(file, chunk->bloom_offset, (uint64_t)chunk->bloom_length);
  }
}

static bool check_file(void *user, const struct lam_plan_file *plan) {
  struct checking *checking = user;
  struct random_file *file = file_named(checking->table, plan->path);
  int64_t base = 0;
  uint64_t end = 0;
  memset(file->allowed, 0, file->size);
  for (size_t i = 0; i < plan->range_count; i++) {
    assert_true(plan->ranges[i].offset >= end && plan->ranges[i].size > 0 && plan->ranges[i].size <= LAM_PULL_MOST);
    end = plan->ranges[i].offset + plan->ranges[i].size;
    assert_true(end <= file->size);
    allow(file, (int64_t)plan->ranges[i].offset, plan->ranges[i].size);
  }
  if (!plan->row_groups) { /* skipped before it was opened */
    assert_int_equal(plan->verdict, LAM_PLAN_SKIPPED);
    for (int64_t row = 0; row < ROWS; row++) assert_true(file->outcomes[row] != 1);
    return true;
  }
  for (uint32_t i = 0; i < plan->row_group_count; i++) {
    const struct lam_plan_row_group *group = &plan->row_groups[i];
    check_group(checking->table, file, plan, group, base);
    allow_group(checking->table, file, group);
    base += (int64_t)group->rows;
    checking->rows += group->rows_kept;
    if (group->verdict == LAM_PLAN_WHOLE) checking->whole += group->rows_kept;
  }
  assert_int_equal(base, ROWS);
  return true;
}

static uint64_t scan_rows(struct lam_table *table, const struct lam_plan_options *options) {
  struct lam_scan_options scan_options = LAM_SCAN_OPTIONS_INIT;
  struct lam_scan *scan;
  struct ArrowArray batch;
  uint64_t rows = 0;
  scan_options.columns = options->columns;
  scan_options.column_count = options->column_count;
  scan_options.where = options->where;
  OK(lam_scan_open(table, &scan_options, &scan, &error));
  for (;;) {
    OK(lam_scan_next(scan, &batch, &error));
    if (!batch.release) break;
    rows += (uint64_t)batch.length;
    lam_array_release(&batch);
  }
  lam_scan_close(scan);
  return rows;
}

static void want_reads_within(struct random_table *t, const struct recorder *recorder, size_t planned) {
  const struct noted *reads = (const struct noted *)(const void *)recorder->reads.data;
  size_t count = recorder->reads.size / sizeof *reads;
  for (size_t i = 0; i < planned; i++) /* footers, indexes, filters, dictionaries */
    memset(file_named(t, reads[i].key)->allowed + reads[i].offset, 1, reads[i].size);
  for (size_t i = planned; i < count; i++) {
    const uint8_t *allowed = file_named(t, reads[i].key)->allowed + reads[i].offset;
    const uint8_t *outside = memchr(allowed, 0, reads[i].size);
    if (outside)
      fail_msg("%s: a scan reads bytes %d to %d; byte %d is not planned", reads[i].key, (int)reads[i].offset,
               (int)(reads[i].offset + reads[i].size), (int)(reads[i].offset + (uint64_t)(outside - allowed)));
  }
}

static bool try_condition(uint64_t *seed, struct random_table *t, struct lam_table *table, const char *where,
                          const struct lam_expr *condition) {
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_plan_result result = LAM_PLAN_RESULT_INIT;
  struct checking checking = {.table = t};
  struct recorder recorder;
  static const char *const names[] = {"c0", "c1", "c2", "c3"};
  uint64_t matches = 0;
  for (int f = 0; f < FILES; f++) {
    if (!outcomes_of_rows(condition, &t->schema, &t->files[f].rows, t->files[f].outcomes)) return false;
    for (int row = 0; row < ROWS; row++) matches += t->files[f].outcomes[row] == 1;
  }
  t->asked = 0;
  for (int c = 0; c < t->columns.count; c++)
    if (below(seed, 2)) t->columns_asked[t->asked++] = names[c];
  options.columns = t->columns_asked;
  options.column_count = t->asked;
  options.where = where;
  record(&recorder, table);
  OK(lam_plan(table, &options, check_file, &checking, &result, &error));
  assert_int_equal(result.rows, FILES * ROWS);
  assert_int_equal(result.rows_kept, checking.rows);
  assert_int_equal(result.rows_whole, checking.whole);
  assert_true(checking.whole <= matches && matches <= checking.rows);
  size_t planned = recorder.reads.size / sizeof(struct noted);
  assert_int_equal(scan_rows(table, &options), matches);
  want_reads_within(t, &recorder, planned);
  stop_recording(&recorder, table);
  return true;
}

static void test_random(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  int tried = 0;
  for (int i = 0; i < TABLES; i++) {
    struct random_table *t = calloc(1, sizeof *t);
    struct lam_table *table;
    make_table(&seed, t);
    OK(lam_table_open_in(mem, t->place.path, NULL, &table, &error));
    for (int k = 0; k < CONDITIONS; k++) {
      struct lam_arena arena;
      struct text text;
      const struct lam_expr *condition;
      lam_arena_init(&arena, mem);
      if (random_condition(&seed, &t->columns, &t->schema, &arena, &text, &condition))
        tried += try_condition(&seed, t, table, text.data, condition);
      lam_arena_release(&arena);
    }
    lam_table_close(table);
    drop_table(t);
    free(t);
  }
  assert_true(tried > TABLES * CONDITIONS / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
