/* Batches of a file: each column is decoded in runs, and a batch is what all columns have at hand.
 *
 * A run is sized to the batch, so that usually all begin and end together. Where one ends early (its strings
 * are long, or its dictionary ends) the batch does too, and the other columns' runs go on in the next batch as slices
 * of the same buffers: nothing is decoded twice or copied. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "arrow/array.h"
#include "base/context.h"
#include "base/kernel.h"
#include "base/options.h"
#include "base/threads.h"
#include "parquet/nested.h"
#include "parquet/reader.h"

enum {
  BATCH_BYTES = 1 << 20, /* of a batch whose size is ours to choose: what the L2 cache holds */
  LEAST_ROWS = 1024,     /* of such a batch, unless its rows are very wide */
  MOST_ROWS = 65536,
  RUN_BYTES = 4 << 20,       /* of one column's run at most, of such a batch */
  LEAST_RUN_BYTES = 1 << 18, /* however small the budget */
  WINDOW = 1 << 20,          /* bytes of a chunk read at once */
  LEAST_WINDOW = 1 << 16,
  PARALLEL_BYTES = 1 << 18, /* a refill of less is faster on one thread */
  MOST_AHEAD = 8,           /* pages of a chunk */
};

/* Leaves are decoded each for itself, and a column is made of one or, where it is nested, more of them. */
struct leaf {
  int32_t column; /* in reader->columns */
  int32_t leaf;   /* of the file */
  struct lam_leaf type;
  struct lam_chunk chunk;
  int64_t position; /* rows of the run that were given out */
  bool as_dictionary;
  bool views;       /* what is no dictionary comes as views */
  bool all_null;    /* flat and of the type null: nothing is decoded */
  bool index_tried; /* whether the row group's offset index was looked for */
};

struct column {
  int32_t top;
  int32_t first, count;     /* its leaves */
  struct lam_field *fields; /* its tree; NULL where it is flat */
  size_t room;              /* of fields */
};

struct lam_reader {
  struct lam_file *file;
  struct lam_mem *mem, *own_mem;
  struct lam_read_options options;
  struct lam_reader_mode mode;
  int32_t *row_groups, row_group_count;
  int32_t next_group;             /* index in row_groups of the one after the current */
  int64_t rows_left;              /* of the current row group */
  const struct lam_range *wanted; /* rows of it that are being read: `wanted_rows` in `wanted_count` ranges */
  size_t wanted_count;
  int64_t wanted_rows;
  const struct lam_chosen_rows *chosen; /* instead of `wanted`, where it is not NULL */
  struct lam_arena arena;               /* offset indexes of the row group */
  int64_t batch_rows;                   /* of the current row group */
  size_t run_bytes;                     /* of a column's run at most */
  int32_t column_count, leaf_count;
  struct column *columns;
  struct leaf *leaves;
  struct lam_nested_part *parts;  /* room for those of one column: as many as it has leaves */
  struct lam_codec_state *codecs; /* one for each thread that refills */
  atomic_flag *codec_taken;
  uint32_t codec_count;
  int32_t *refill; /* leaves whose run is used up */
  bool failed;     /* leaves no longer agree on where they are */
};

static const struct lam_row_group_meta *current_group(const struct lam_reader *reader) {
  return &lam_file_meta(reader->file)->row_groups[reader->row_groups[reader->next_group - 1]];
}

static enum lam_status fail_in_column(const struct lam_reader *reader, int32_t column, enum lam_status status,
                                      struct lam_error *error) {
  if (status == LAM_CANCELLED) return status;
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  struct lam_bytes name = meta->nodes[lam_top_node(meta, reader->columns[column].top)].name;
  return lam_fail_in(error, status, "%s: row group %" PRId32 ", column '%.*s'", lam_file_name(reader->file),
                     reader->row_groups[reader->next_group - 1], (int)name.size, (const char *)name.data);
}

/* The same with the leaf's name, where it is not the column. */
static enum lam_status fail_in_leaf(const struct lam_reader *reader, const struct leaf *leaf, enum lam_status status,
                                    struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  struct lam_bytes name = meta->nodes[meta->leaves[leaf->leaf]].name;
  if (reader->columns[leaf->column].fields && status != LAM_CANCELLED)
    lam_fail_in(error, status, "leaf '%.*s'", (int)name.size, (const char *)name.data);
  return fail_in_column(reader, leaf->column, status, error);
}

/* ---- row groups ---- */

/* Bytes of a value once decoded, about. */
static double value_bytes(const struct lam_chunk_meta *chunk, const struct leaf *leaf) {
  if (leaf->as_dictionary) return 4;
  int bits = lam_type_bits(&leaf->type.type);
  int bytes = (bits + 7) / 8;
  if (bytes > 0) return bytes;
  if (chunk->values <= 0) return 16;
  double average = (double)chunk->uncompressed_size / (double)chunk->values;
  return average < 16 ? 16 : average;
}

/* Bytes of the leaf in a row once decoded, about: of lists many values are a row. */
static double row_bytes(const struct lam_reader *reader, const struct leaf *leaf) {
  const struct lam_row_group_meta *group = current_group(reader);
  const struct lam_chunk_meta *chunk = &group->chunks[leaf->leaf];
  double bytes = value_bytes(chunk, leaf);
  if (!reader->columns[leaf->column].fields || group->rows <= 0 || chunk->values <= group->rows) return bytes;
  return (bytes + 1) * (double)chunk->values / (double)group->rows;
}

static void choose_sizes(struct lam_reader *reader) {
  uint64_t available = lam_mem_available(reader->mem);
  uint64_t share = available / (8 * (uint64_t)(reader->leaf_count ? reader->leaf_count : 1));
  bool chosen = reader->options.batch_rows > 0;
  reader->run_bytes = (size_t)lam_max_u64(lam_min_u64(share, chosen ? INT32_MAX : RUN_BYTES), LEAST_RUN_BYTES);
  reader->batch_rows = reader->options.batch_rows;
  if (chosen) return;
  double row = 0;
  for (int32_t i = 0; i < reader->leaf_count; i++) row += row_bytes(reader, &reader->leaves[i]);
  double rows = row > 0 ? BATCH_BYTES / row : MOST_ROWS;
  reader->batch_rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : (int64_t)rows / 64 * 64;
}

static enum lam_status check_chunk(const struct lam_row_group_meta *group, const struct lam_chunk_meta *chunk,
                                   const struct leaf *leaf, struct lam_error *error) {
  if (chunk->encrypted) return lam_fail(error, LAM_UNSUPPORTED, "it is encrypted, which this version cannot read");
  if (chunk->elsewhere) {
    struct lam_chunk_details details;
    lam_chunk_details(chunk, &details);
    return lam_fail(error, LAM_UNSUPPORTED, "its bytes are in another file, '%.*s', which is not read",
                    (int)details.file_path.size, (const char *)details.file_path.data);
  }
  LAM_CHECK(chunk->has_metadata, error, "it has no metadata");
  bool repeated = leaf->type.max_repetition > 0; /* then a row has one value or more */
  LAM_CHECK(repeated ? chunk->values >= group->rows : chunk->values == group->rows, error,
            "it has %" PRId64 " values in a row group of %" PRId64 " rows", chunk->values, group->rows);
  LAM_CHECK(chunk->physical == (int8_t)leaf->type.physical, error, "its chunk is of type %s, its schema says %s",
            lam_physical_name((enum lam_physical)chunk->physical), lam_physical_name(leaf->type.physical));
  return LAM_OK;
}

/* Pages that a chunk holds at once. Leaves are decoded each by a thread; what others there are decompress for them. */
static uint32_t pages_ahead(const struct lam_reader *reader) {
  uint32_t threads = lam_context_threads(lam_mem_context(reader->mem)), leaves = (uint32_t)reader->leaf_count;
  if (!reader->mode.ahead || reader->mode.one_thread || threads <= leaves) return 0;
  return (uint32_t)lam_min_u64(threads / leaves + 2, MOST_AHEAD);
}

static enum lam_status begin_leaf(struct lam_reader *reader, struct leaf *leaf, size_t window,
                                  struct lam_error *error) {
  const struct lam_row_group_meta *group = current_group(reader);
  const struct lam_chunk_meta *chunk = &group->chunks[leaf->leaf];
  const struct column *column = &reader->columns[leaf->column];
  struct lam_chunk_source source = {
      .bytes = lam_file_source(reader->file),
      .window = window,
      .codec = (enum lam_codec)chunk->codec,
      .leaf = &leaf->type,
      .column = column->fields,
      .column_leaf = (int32_t)(leaf - reader->leaves) - column->first,
      .values = chunk->values,
      .rows = group->rows,
      .checksums = lam_file_checksums(reader->file),
      .views = leaf->views,
      .ahead = pages_ahead(reader),
  };
  LAM_TRY(check_chunk(group, chunk, leaf, error));
  LAM_TRY(lam_chunk_range(reader->file, reader->row_groups[reader->next_group - 1], leaf->leaf, &source.offset,
                          &source.size, error));
  source.slack = lam_chunk_slack(reader->file, source.offset + source.size);
  leaf->position = 0;
  leaf->index_tried = false;
  return lam_chunk_begin(&leaf->chunk, &source, leaf->as_dictionary, error);
}

static enum lam_status begin_group(struct lam_reader *reader, struct lam_error *error) {
  reader->next_group++;
  lam_arena_release(&reader->arena);
  reader->rows_left = current_group(reader)->rows;
  LAM_CHECK(reader->rows_left >= 0, error, "%s: row group %" PRId32 " has %" PRId64 " rows",
            lam_file_name(reader->file), reader->row_groups[reader->next_group - 1], reader->rows_left);
  choose_sizes(reader);
  uint64_t share = lam_mem_available(reader->mem) / (8 * (uint64_t)(reader->leaf_count + 1));
  size_t window = (size_t)lam_max_u64(lam_min_u64(share, WINDOW), LEAST_WINDOW);
  for (int32_t i = 0; i < reader->leaf_count && reader->rows_left > 0; i++) {
    struct leaf *leaf = &reader->leaves[i];
    enum lam_status status = begin_leaf(reader, leaf, window, error);
    if (status != LAM_OK) return fail_in_leaf(reader, leaf, status, error);
  }
  return LAM_OK;
}

/* ---- refilling ---- */

static enum lam_status refill_leaf(void *user, size_t index, struct lam_error *error) {
  struct lam_reader *reader = user;
  struct leaf *leaf = &reader->leaves[reader->refill[index]];
  leaf->position = 0;
  if (leaf->all_null) {
    leaf->chunk.run.rows = lam_min_i64(reader->batch_rows, reader->wanted_rows);
    return LAM_OK;
  }
  uint32_t slot = 0; /* there are as many as threads that can be here at once */
  while (atomic_flag_test_and_set_explicit(&reader->codec_taken[slot], memory_order_acquire))
    slot = (slot + 1) % reader->codec_count;
  struct lam_codec_state *codec = &reader->codecs[slot];
  enum lam_status status =
      reader->chosen
          ? lam_chunk_read_chosen(&leaf->chunk, codec, reader->chosen, reader->batch_rows, reader->run_bytes, error)
          : lam_chunk_read_ranges(&leaf->chunk, codec, reader->wanted, reader->wanted_count, reader->batch_rows,
                                  reader->run_bytes, error);
  atomic_flag_clear_explicit(&reader->codec_taken[slot], memory_order_release);
  return status == LAM_OK ? LAM_OK : fail_in_leaf(reader, leaf, status, error);
}

static enum lam_status refill_leaves(struct lam_reader *reader, struct lam_error *error) {
  size_t count = 0;
  double bytes = 0;
  for (int32_t i = 0; i < reader->leaf_count; i++) {
    struct leaf *leaf = &reader->leaves[i];
    if (leaf->position < leaf->chunk.run.rows) continue;
    reader->refill[count++] = i;
    bytes += row_bytes(reader, leaf) * (double)lam_min_i64(reader->batch_rows, reader->wanted_rows);
  }
  uint32_t width = bytes < PARALLEL_BYTES ? 1 : reader->codec_count;
  return lam_pool_run(lam_context_pool(lam_mem_context(reader->mem)), count, width, refill_leaf, reader, error);
}

/* ---- batches ---- */

static enum lam_status column_array(struct lam_reader *reader, const struct column *column, int64_t rows,
                                    struct ArrowArray *out, struct lam_error *error) {
  const struct leaf *leaves = &reader->leaves[column->first];
  if (!column->fields && leaves->all_null) return lam_array_init(rows, rows, 0, NULL, NULL, out, error);
  if (!column->fields) return lam_leaf_array(&leaves->chunk, leaves->position, rows, out, error);
  for (int32_t i = 0; i < column->count; i++)
    reader->parts[i] = (struct lam_nested_part){&leaves[i].chunk, leaves[i].position};
  return lam_nested_array(reader->mem, column->fields, reader->parts, rows, reader->mode.all_validity, out, error);
}

static enum lam_status make_batch(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  int64_t rows = lam_min_i64(reader->wanted_rows, reader->leaf_count ? INT64_MAX : reader->batch_rows);
  for (int32_t i = 0; i < reader->leaf_count; i++)
    rows = lam_min_i64(rows, reader->leaves[i].chunk.run.rows - reader->leaves[i].position);
  assert(rows > 0);
  LAM_TRY(lam_array_init_struct(rows, reader->column_count, out, error));
  for (int32_t i = 0; i < reader->column_count; i++) {
    enum lam_status status = column_array(reader, &reader->columns[i], rows, out->children[i], error);
    if (status != LAM_OK) {
      lam_array_release(out);
      return fail_in_column(reader, i, status, error);
    }
  }
  for (int32_t i = 0; i < reader->leaf_count; i++) reader->leaves[i].position += rows;
  return LAM_OK;
}

/* The next of the `rows` rows in `wanted`. */
static enum lam_status read_wanted(struct lam_reader *reader, const struct lam_range *wanted, size_t count,
                                   int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  reader->wanted = wanted;
  reader->wanted_count = count;
  reader->wanted_rows = rows;
  LAM_TRY(lam_check_cancel(lam_mem_context(reader->mem), error));
  LAM_TRY(refill_leaves(reader, error));
  return make_batch(reader, out, error);
}

static enum lam_status next_batch(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  while (reader->rows_left == 0) {
    if (reader->next_group == reader->row_group_count) return LAM_OK;
    LAM_TRY(begin_group(reader, error));
  }
  int64_t rows = current_group(reader)->rows;
  const struct lam_range rest = {rows - reader->rows_left, rows};
  LAM_TRY(read_wanted(reader, &rest, 1, reader->rows_left, out, error));
  reader->rows_left -= out->length;
  return LAM_OK;
}

static enum lam_status has_failed(const struct lam_reader *reader, struct lam_error *error) {
  if (!reader->failed) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "%s: its reader has failed and gives no more batches",
                  lam_file_name(reader->file));
}

enum lam_status lam_reader_next(struct lam_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  out->release = NULL;
  LAM_TRY(has_failed(reader, error));
  enum lam_status status = next_batch(reader, out, error);
  reader->failed = status != LAM_OK;
  return status;
}

/* ---- chosen rows ---- */

/* Where the pages of a leaf are. Reading goes on without it where there is no index, or a wrong one. */
static enum lam_status find_pages(struct lam_reader *reader, struct leaf *leaf, struct lam_error *error) {
  struct lam_offset_index index;
  leaf->index_tried = true;
  if (leaf->all_null || leaf->type.legacy_delta_bytes) return LAM_OK;
  enum lam_status status = lam_offset_index_read(reader->file, reader->row_groups[reader->next_group - 1], leaf->leaf,
                                                 &reader->arena, &index, error);
  if (status == LAM_CORRUPT) return LAM_OK;
  LAM_TRY(status);
  if (index.count <= 0) return LAM_OK;
  leaf->chunk.source.pages = index.pages;
  leaf->chunk.source.page_count = index.count;
  return LAM_OK;
}

/* Offset indexes are read once so many rows are passed over that a page may be
 * among them: the longest gap between the rows is `between`. */
static enum lam_status prepare_skips(struct lam_reader *reader, int64_t first, int64_t between,
                                     struct lam_error *error) {
  enum { WORTH_AN_INDEX = 4096 }; /* rows */
  for (int32_t i = 0; i < reader->leaf_count; i++) {
    struct leaf *leaf = &reader->leaves[i];
    if (leaf->index_tried || leaf->position < leaf->chunk.run.rows) continue;
    int64_t position = leaf->all_null ? 0 : lam_chunk_position(&leaf->chunk);
    if (lam_max_i64(between, first - position) >= WORTH_AN_INDEX) LAM_TRY(find_pages(reader, leaf, error));
  }
  return LAM_OK;
}

enum lam_status lam_reader_begin(struct lam_reader *reader, int32_t row_group, struct lam_error *error) {
  lam_reader_select(reader, row_group);
  for (int32_t i = 0; i < reader->leaf_count; i++) reader->leaves[i].position = reader->leaves[i].chunk.run.rows = 0;
  enum lam_status status = has_failed(reader, error);
  if (status == LAM_OK) status = begin_group(reader, error);
  reader->failed = status != LAM_OK;
  return status;
}

enum lam_status lam_reader_read(struct lam_reader *reader, const struct lam_range *rows, size_t count, int64_t *taken,
                                struct ArrowArray *out, struct lam_error *error) {
  int64_t total = 0, between = 0;
  out->release = NULL;
  *taken = 0;
  LAM_TRY(has_failed(reader, error));
  for (size_t i = 0; i < count; i++) {
    total += rows[i].end - rows[i].first;
    if (i > 0) between = lam_max_i64(between, rows[i].first - rows[i - 1].end);
  }
  if (total == 0) return LAM_OK;
  enum lam_status status = prepare_skips(reader, rows[0].first, between, error);
  if (status == LAM_OK) status = read_wanted(reader, rows, count, total, out, error);
  reader->failed = status != LAM_OK;
  if (status == LAM_OK) *taken = out->length;
  return status;
}

LAM_KERNEL static int32_t longest_gap(const int32_t *places, size_t count) {
  int32_t longest = 0;
  for (size_t i = 1; i < count; i++) {
    int32_t gap = places[i] - places[i - 1];
    longest = gap > longest ? gap : longest;
  }
  return longest;
}

enum lam_status lam_reader_read_chosen(struct lam_reader *reader, const struct lam_chosen_rows *rows, int64_t *taken,
                                       struct ArrowArray *out, struct lam_error *error) {
  out->release = NULL;
  *taken = 0;
  LAM_TRY(has_failed(reader, error));
  if (rows->count == 0) return LAM_OK;
  enum lam_status status =
      prepare_skips(reader, rows->base + rows->places[0], longest_gap(rows->places, rows->count), error);
  reader->chosen = rows;
  if (status == LAM_OK) status = read_wanted(reader, NULL, 0, (int64_t)rows->count, out, error);
  reader->chosen = NULL;
  reader->failed = status != LAM_OK;
  if (status == LAM_OK) *taken = out->length;
  return status;
}

bool lam_reader_flat(const struct lam_reader *reader) {
  bool flat = true;
  for (int32_t i = 0; i < reader->column_count; i++) flat &= !reader->columns[i].fields;
  for (int32_t i = 0; i < reader->leaf_count; i++) flat &= !reader->leaves[i].views;
  return flat;
}

void lam_reader_as_dictionary(struct lam_reader *reader, int32_t column, bool as_dictionary) {
  assert(!reader->columns[column].fields);
  reader->leaves[reader->columns[column].first].as_dictionary = as_dictionary;
}

/* ---- opening ---- */

static enum lam_status read_options(const struct lam_read_options *given, struct lam_read_options *out,
                                    struct lam_error *error) {
  *out = (struct lam_read_options)LAM_READ_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_READ_OPTIONS_INIT", out, sizeof *out, error));
  if (out->batch_rows < 0)
    return lam_fail(error, LAM_INVALID, "batches of %" PRId64 " rows; expected at least 1, or 0 for the default",
                    out->batch_rows);
  return LAM_OK;
}

static enum lam_status init_leaf(struct lam_reader *reader, int32_t column, int32_t node, struct leaf *leaf,
                                 struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  bool nested = reader->columns[column].fields;
  lam_chunk_init(&leaf->chunk, reader->mem);
  leaf->column = column;
  leaf->leaf = meta->nodes[node].leaf;
  LAM_TRY(lam_leaf_of_node(meta, node, &leaf->type, error));
  enum lam_type_id type = leaf->type.type.id;
  leaf->as_dictionary = !nested && reader->options.dictionaries && lam_type_is_binary(type);
  leaf->views = !nested && reader->options.string_views && lam_type_is_binary(type);
  if (reader->mode.all_dictionaries) leaf->as_dictionary = !nested && type != LAM_TYPE_BOOL && type != LAM_TYPE_NULL;
  leaf->all_null = !nested && type == LAM_TYPE_NULL;
  return LAM_OK;
}

/* Which leaves of the column are asked for; NULL: all. A column of which none is listed comes whole. */
static enum lam_status wanted_leaves(struct lam_reader *reader, const struct lam_schema_node *node, bool *wanted,
                                     const bool **out, struct lam_error *error) {
  const struct lam_read_options *options = &reader->options;
  int32_t all = lam_file_meta(reader->file)->leaf_count;
  *out = NULL;
  for (int32_t i = 0; options->leaves && i < options->leaf_count; i++) {
    int32_t leaf = options->leaves[i];
    if (leaf < 0 || leaf >= all)
      return lam_fail(error, LAM_INVALID, "leaf %" PRId32 " is asked for; it has %" PRId32, leaf, all);
    if (leaf < node->leaf || leaf >= node->leaf + node->leaves) continue;
    wanted[leaf] = true;
    *out = wanted;
  }
  return LAM_OK;
}

/* The tree of a nested column, and how many leaves the column has. */
static enum lam_status init_column(struct lam_reader *reader, int32_t index, bool *wanted, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  struct column *column = &reader->columns[index];
  int32_t top = reader->options.columns ? reader->options.columns[index] : index;
  if (top < 0 || top >= lam_top_columns(meta))
    return lam_fail(error, LAM_INVALID, "column %" PRId32 " is asked for; it has %" PRId32 " columns", top,
                    lam_top_columns(meta));
  const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, top)];
  const bool *leaves;
  void *memory;
  column->top = top;
  column->first = reader->leaf_count;
  column->count = 1;
  bool flat = node->repetition == LAM_REQUIRED || node->repetition == LAM_OPTIONAL;
  if (node->physical >= 0 && flat) return LAM_OK;
  size_t room = lam_field_room(meta, top);
  LAM_TRY(wanted_leaves(reader, node, wanted, &leaves, error));
  LAM_TRY(lam_alloc_zero(reader->mem, room * sizeof *column->fields, &memory, error));
  column->fields = memory;
  column->room = room;
  LAM_TRY(lam_field_make(meta, top, leaves, column->fields, error));
  column->count = column->fields->leaves;
  return LAM_OK;
}

static enum lam_status init_leaves(struct lam_reader *reader, int32_t index, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  const struct column *column = &reader->columns[index];
  struct lam_bytes name = meta->nodes[lam_top_node(meta, column->top)].name;
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < column->count; i++) {
    int32_t node = column->fields ? lam_field_leaf(column->fields, i)->node : lam_top_node(meta, column->top);
    status = init_leaf(reader, index, node, &reader->leaves[column->first + i], error);
  }
  if (status == LAM_OK) return LAM_OK;
  return lam_fail_in(error, status, "%s: column '%.*s'", lam_file_name(reader->file), (int)name.size,
                     (const char *)name.data);
}

static enum lam_status init_groups(struct lam_reader *reader, struct lam_error *error) {
  int32_t all = lam_file_row_groups(reader->file);
  const int32_t *wanted = reader->options.row_groups;
  if (wanted && reader->options.row_group_count < 0)
    return lam_fail(error, LAM_INVALID, "%" PRId32 " row groups are asked for", reader->options.row_group_count);
  reader->row_group_count = wanted ? reader->options.row_group_count : all;
  void *memory;
  LAM_TRY(lam_alloc(reader->mem, (size_t)reader->row_group_count * sizeof(int32_t), &memory, error));
  reader->row_groups = memory;
  for (int32_t i = 0; i < reader->row_group_count; i++) {
    reader->row_groups[i] = wanted ? wanted[i] : i;
    if (reader->row_groups[i] < 0 || reader->row_groups[i] >= all)
      return lam_fail(error, LAM_INVALID, "%s: row group %" PRId32 " is asked for; it has %" PRId32,
                      lam_file_name(reader->file), reader->row_groups[i], all);
  }
  return LAM_OK;
}

static enum lam_status alloc_leaves(struct lam_reader *reader, struct lam_error *error) {
  size_t count = (size_t)reader->leaf_count;
  void *memory;
  LAM_TRY(lam_alloc_zero(reader->mem, count * sizeof *reader->leaves, &memory, error));
  reader->leaves = memory;
  LAM_TRY(lam_alloc(reader->mem, count * sizeof *reader->parts, &memory, error));
  reader->parts = memory;
  LAM_TRY(lam_alloc(reader->mem, count * sizeof *reader->refill, &memory, error));
  reader->refill = memory;
  return LAM_OK;
}

static enum lam_status init_columns(struct lam_reader *reader, struct lam_error *error) {
  void *memory;
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  size_t all = reader->options.leaves ? (size_t)meta->leaf_count : 0;
  int32_t count = reader->options.columns ? reader->options.column_count : lam_top_columns(meta);
  if (count < 0) return lam_fail(error, LAM_INVALID, "%" PRId32 " columns are asked for", count);
  LAM_TRY(lam_alloc_zero(reader->mem, (size_t)count * sizeof *reader->columns, &memory, error));
  reader->columns = memory;
  reader->column_count = count;
  LAM_TRY(lam_alloc_zero(reader->mem, all * sizeof(bool), &memory, error));
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < count; i++) {
    status = init_column(reader, i, memory, error);
    if (__builtin_add_overflow(reader->leaf_count, reader->columns[i].count, &reader->leaf_count))
      status = lam_fail(error, LAM_LIMIT, "more than 2^31 - 1 leaves are asked for");
  }
  lam_free(reader->mem, memory, all * sizeof(bool));
  if (status != LAM_OK) return lam_fail_in(error, status, "%s", lam_file_name(reader->file));
  LAM_TRY(alloc_leaves(reader, error));
  for (int32_t i = 0; i < count; i++) LAM_TRY(init_leaves(reader, i, error));
  return LAM_OK;
}

static enum lam_status init_codecs(struct lam_reader *reader, struct lam_error *error) {
  void *memory;
  uint32_t threads = reader->mode.one_thread ? 1 : lam_context_threads(lam_mem_context(reader->mem));
  if (reader->leaf_count > 0 && threads > (uint32_t)reader->leaf_count) threads = (uint32_t)reader->leaf_count;
  LAM_TRY(lam_alloc_zero(reader->mem, threads * sizeof *reader->codecs, &memory, error));
  reader->codecs = memory;
  reader->codec_count = threads;
  for (uint32_t i = 0; i < threads; i++) lam_codec_init(&reader->codecs[i], reader->mem);
  if (reader->mode.codec) reader->codecs[0] = *reader->mode.codec;
  LAM_TRY(lam_alloc(reader->mem, threads * sizeof *reader->codec_taken, &memory, error));
  reader->codec_taken = memory;
  for (uint32_t i = 0; i < threads; i++) atomic_flag_clear(&reader->codec_taken[i]);
  return LAM_OK;
}

void lam_reader_close(struct lam_reader *reader) {
  if (!reader) return;
  struct lam_mem *mem = reader->mem, *own = reader->own_mem;
  for (int32_t i = 0; reader->leaves && i < reader->leaf_count; i++)
    if (reader->leaves[i].chunk.mem) lam_chunk_release(&reader->leaves[i].chunk);
  for (int32_t i = 0; i < reader->column_count; i++)
    lam_free(mem, reader->columns[i].fields, reader->columns[i].room * sizeof *reader->columns[i].fields);
  const bool lent = reader->mode.codec && reader->codecs;
  if (lent) *reader->mode.codec = reader->codecs[0];
  for (uint32_t i = lent; i < reader->codec_count; i++) lam_codec_release(&reader->codecs[i]);
  lam_free(mem, reader->codecs, reader->codec_count * sizeof *reader->codecs);
  lam_free(mem, reader->codec_taken, reader->codec_count * sizeof *reader->codec_taken);
  lam_free(mem, reader->columns, (size_t)reader->column_count * sizeof *reader->columns);
  lam_free(mem, reader->leaves, (size_t)reader->leaf_count * sizeof *reader->leaves);
  lam_free(mem, reader->parts, (size_t)reader->leaf_count * sizeof *reader->parts);
  lam_free(mem, reader->refill, (size_t)reader->leaf_count * sizeof *reader->refill);
  lam_free(mem, reader->row_groups, (size_t)reader->row_group_count * sizeof *reader->row_groups);
  lam_arena_release(&reader->arena);
  lam_free(mem, reader, sizeof *reader);
  if (own) lam_mem_close(own);
}

enum lam_status lam_reader_open_as(struct lam_file *file, const struct lam_read_options *given,
                                   const struct lam_reader_mode *mode, struct lam_mem *mem, struct lam_reader **out,
                                   struct lam_error *error) {
  struct lam_read_options options;
  void *memory;
  *out = NULL;
  LAM_TRY(read_options(given, &options, error));
  LAM_TRY(lam_alloc_zero(mem, sizeof(struct lam_reader), &memory, error));
  struct lam_reader *reader = memory;
  reader->file = file;
  reader->mem = mem;
  lam_arena_init(&reader->arena, mem);
  reader->options = options;
  reader->mode = *mode;
  enum lam_status status = init_groups(reader, error);
  if (status == LAM_OK) status = init_columns(reader, error);
  if (status == LAM_OK) status = init_codecs(reader, error);
  reader->options.columns = reader->options.row_groups = reader->options.leaves =
      NULL; /* the caller's; not used from here on */
  if (status == LAM_OK)
    *out = reader;
  else
    lam_reader_close(reader);
  return status;
}

enum lam_status lam_reader_open_in(struct lam_file *file, const struct lam_read_options *options, struct lam_mem *mem,
                                   struct lam_reader **out, struct lam_error *error) {
  return lam_reader_open_as(file, options, &(struct lam_reader_mode){0}, mem, out, error);
}

enum lam_status lam_reader_open(struct lam_file *file, const struct lam_read_options *options, struct lam_reader **out,
                                struct lam_error *error) {
  struct lam_mem *mem;
  *out = NULL;
  LAM_TRY(lam_mem_open(lam_mem_context(lam_file_mem(file)), 0, &mem, error));
  struct lam_reader_mode mode = {.ahead = true};
  enum lam_status status = lam_reader_open_as(file, options, &mode, mem, out, error);
  if (status == LAM_OK)
    (*out)->own_mem = mem;
  else
    lam_mem_close(mem);
  return status;
}

static enum lam_status column_schema(const struct lam_reader *reader, const struct column *column,
                                     struct ArrowSchema *out, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  struct ArrowSchema values;
  if (column->fields) return lam_field_schema(meta, column->fields, out, error);
  const struct leaf *leaf = &reader->leaves[column->first];
  if (!leaf->as_dictionary && !leaf->views) return lam_schema_of_column(meta, column->top, out, error);
  LAM_TRY(lam_schema_of_column(meta, column->top, &values, error));
  enum lam_status status =
      leaf->as_dictionary ? lam_schema_as_dictionary(&values, out, error) : lam_schema_as_views(&values, out, error);
  lam_schema_release(&values);
  return status;
}

enum lam_status lam_reader_schema(const struct lam_reader *reader, struct ArrowSchema *out, struct lam_error *error) {
  LAM_TRY(lam_schema_init_struct("", reader->column_count, out, error));
  enum lam_status status = LAM_OK;
  for (int32_t i = 0; status == LAM_OK && i < reader->column_count; i++)
    status = column_schema(reader, &reader->columns[i], out->children[i], error);
  if (status == LAM_OK) status = lam_schema_set_key_values(lam_file_meta(reader->file), out, error);
  if (status == LAM_OK) return LAM_OK;
  lam_schema_release(out);
  return lam_fail_in(error, status, "%s", lam_file_name(reader->file));
}

void lam_reader_select(struct lam_reader *reader, int32_t row_group) {
  assert(reader->row_group_count == 1);
  reader->row_groups[0] = row_group;
  reader->next_group = 0;
  reader->rows_left = 0;
}
