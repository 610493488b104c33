/* lamella inspect: what a file's footer says, and its pages. */
#include <inttypes.h>
#include <stdio.h>

#include "arrow/json_write.h"
#include "base/context.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/inspect_names.h"
#include "cli/sheet.h"
#include "parquet/page_index.h"
#include "parquet/size_statistics.h"
#include "parquet/statistics.h"

struct inspect {
  struct cli *cli;
  struct lam_file *file;
  const struct lam_file_meta *meta;
  struct lam_mem *mem;
  struct lam_buf text; /* of one cell */
};

#define SHEET(sheet, x, titles, error) \
  sheet_begin(&sheet, (x)->mem, (x)->cli->json, titles, (int)(sizeof titles / sizeof *titles), error)

static enum lam_status print(const char *text, struct lam_error *error) {
  return cli_write(text, strlen(text), error);
}

/* A name in quotes as a JSON key, a line above a table else. */
static enum lam_status title(const struct inspect *x, const char *name, struct lam_error *error) {
  char text[128];
  snprintf(text, sizeof text, x->cli->json ? ",\n\"%s\":[" : "\n%s\n", name);
  return print(text, error);
}

static enum lam_status end(const struct inspect *x, struct sheet *sheet, struct lam_error *error) {
  LAM_TRY(sheet_end(sheet));
  return x->cli->json ? print("]", error) : LAM_OK;
}

static void text_or_none(struct sheet *sheet, const char *text) {
  if (text)
    sheet_string(sheet, text);
  else
    sheet_none(sheet);
}

/* A count of the format whose absence is -1. */
static void count_or_none(struct sheet *sheet, int64_t count) {
  if (count >= 0)
    sheet_number(sheet, count);
  else
    sheet_none(sheet);
}

/* ---- the file ---- */

/* One line of the head: `name` is a key in JSON and has blanks for '_' in text. Without `text` it is the number. */
static enum lam_status head(struct inspect *x, const char *name, const struct lam_bytes *text, int64_t number,
                            struct lam_error *error) {
  char label[32], digits[40];
  struct lam_buf *out = &x->text;
  out->size = 0;
  snprintf(label, sizeof label, x->cli->json ? "\"%s\":" : "%-16s  ", name);
  for (char *p = label; !x->cli->json && *p; p++)
    if (*p == '_') *p = ' ';
  LAM_TRY(print(label, error));
  if (!text) {
    if (x->cli->json)
      snprintf(digits, sizeof digits, "%" PRId64, number);
    else
      cli_group_digits(number, digits);
    LAM_TRY(print(digits, error));
  } else if (x->cli->json) {
    LAM_TRY(lam_json_string(out, *text, error));
  } else {
    LAM_TRY(sheet_clean(out, *text, error));
  }
  return cli_write(out->data, out->size, error);
}

static enum lam_status print_file(struct inspect *x, const char *path, struct lam_error *error) {
  const struct lam_file_meta *meta = x->meta;
  const struct lam_bytes name = lam_bytes_of_string(path);
  const struct {
    const char *name;
    const struct lam_bytes *text;
    int64_t number;
  } heads[] = {
      {"file", &name, 0},
      {"created_by", &meta->created_by, 0},
      {"version", NULL, meta->version},
      {"bytes", NULL, (int64_t)lam_file_size(x->file)},
      {"rows", NULL, meta->rows},
      {"row_group_count", NULL, meta->row_group_count},
      {"column_count", NULL, meta->top_count},
      {"leaf_count", NULL, meta->leaf_count},
  };
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    if (x->cli->json) LAM_TRY(print(i ? "," : "{", error));
    LAM_TRY(head(x, heads[i].name, heads[i].text, heads[i].number, error));
    if (!x->cli->json) LAM_TRY(print("\n", error));
  }
  return LAM_OK;
}

static enum lam_status print_key_values(struct inspect *x, struct lam_error *error) {
  static const char *const titles[] = {"key", "bytes", "value"};
  struct sheet sheet;
  if (!x->meta->key_value_count && !x->cli->json) return LAM_OK;
  LAM_TRY(title(x, x->cli->json ? "key_values" : "key-value metadata", error));
  SHEET(sheet, x, titles, error);
  for (int32_t i = 0; i < x->meta->key_value_count; i++) {
    const struct lam_key_value *pair = &x->meta->key_values[i];
    sheet_text(&sheet, pair->key);
    sheet_number(&sheet, (int64_t)pair->value.size);
    if (pair->value.data)
      sheet_text(&sheet, pair->value);
    else
      sheet_none(&sheet);
  }
  return end(x, &sheet, error);
}

static enum lam_status print_schema(struct inspect *x, struct lam_error *error) {
  static const char *const titles[] = {"name", "depth", "repetition", "physical", "logical", "converted", "id"};
  struct sheet sheet;
  void *memory;
  struct lam_arena arena;
  lam_arena_init(&arena, x->mem);
  LAM_TRY(title(x, "schema", error));
  LAM_TRY(lam_arena_array(&arena, (size_t)x->meta->node_count, sizeof(int32_t), &memory, error));
  int32_t *depths = memory; /* parents come before their children */
  SHEET(sheet, x, titles, error);
  for (int32_t i = 0; i < x->meta->node_count; i++) {
    const struct lam_schema_node *node = &x->meta->nodes[i];
    char physical[NAME_ROOM], logical[NAME_ROOM], converted[NAME_ROOM];
    depths[i] = node->parent < 0 ? 0 : depths[node->parent] + 1;
    sheet.indent = x->cli->json ? 0 : 2 * depths[i];
    sheet_text(&sheet, node->name);
    if (x->cli->json)
      sheet_number(&sheet, depths[i]);
    else
      sheet_none(&sheet);
    text_or_none(&sheet, i ? repetition_name(node->repetition) : NULL);
    text_or_none(&sheet, physical_text(node, physical));
    text_or_none(&sheet, logical_text(&node->logical, logical));
    text_or_none(&sheet, converted_text(node, converted));
    count_or_none(&sheet, node->field_id);
  }
  lam_arena_release(&arena);
  return end(x, &sheet, error);
}

/* ---- row groups ---- */

static void path_cell(struct inspect *x, struct sheet *sheet, int32_t leaf, struct lam_error *error) {
  x->text.size = 0;
  if (sheet->status == LAM_OK) sheet->status = path_text(x->meta, leaf, &x->text, error);
  sheet_text(sheet, lam_bytes_of(x->text.data, x->text.size));
}

static void sorting_cell(struct inspect *x, struct sheet *sheet, const struct lam_row_group_meta *group,
                         struct lam_error *error) {
  enum { MOST = 64 };
  const char *names[MOST];
  size_t starts[MOST];
  int count = 0;
  x->text.size = 0;
  for (int32_t i = 0; sheet->status == LAM_OK && i < group->sorting_count && count < MOST; i++) {
    const struct lam_sorting_column *key = &group->sorting[i];
    if (key->column < 0 || key->column >= x->meta->leaf_count) continue;
    const char *order = key->descending    ? key->nulls_first ? " desc nulls first" : " desc"
                        : key->nulls_first ? " nulls first"
                                           : "";
    starts[count++] = x->text.size;
    sheet->status = path_text(x->meta, key->column, &x->text, error);
    if (sheet->status == LAM_OK) sheet->status = lam_buf_append(&x->text, order, strlen(order) + 1, error);
  }
  for (int i = 0; sheet->status == LAM_OK && i < count; i++) names[i] = (const char *)x->text.data + starts[i];
  if (group->sorting_count)
    sheet_list(sheet, names, count);
  else
    sheet_none(sheet);
}

static enum lam_status print_row_groups(struct inspect *x, struct lam_error *error) {
  static const char *const titles[] = {"row group", "rows", "uncompressed", "compressed", "sorting"};
  struct sheet sheet;
  if (!x->meta->row_group_count && !x->cli->json) return LAM_OK;
  LAM_TRY(title(x, x->cli->json ? "row_groups" : "row groups", error));
  SHEET(sheet, x, titles, error);
  for (int32_t i = 0; i < x->meta->row_group_count; i++) {
    const struct lam_row_group_meta *group = &x->meta->row_groups[i];
    int64_t compressed = 0;
    for (int32_t k = 0; k < x->meta->leaf_count; k++)
      if (__builtin_add_overflow(compressed, group->chunks[k].compressed_size, &compressed)) compressed = -1;
    sheet_number(&sheet, i);
    sheet_number(&sheet, group->rows);
    sheet_number(&sheet, group->total_byte_size);
    count_or_none(&sheet, group->compressed_size >= 0 ? group->compressed_size : compressed);
    sorting_cell(x, &sheet, group, error);
  }
  return end(x, &sheet, error);
}

/* ---- chunks ---- */

static void bound_cell(struct inspect *x, struct sheet *sheet, int32_t leaf, struct lam_bytes bound,
                       struct lam_error *error) {
  bool is_literal = false;
  x->text.size = 0;
  if (!bound.data) {
    sheet_none(sheet);
    return;
  }
  if (sheet->status == LAM_OK) sheet->status = lam_bound_text(x->meta, leaf, bound, &x->text, &is_literal, error);
  if (sheet->status == LAM_OK) sheet->status = lam_buf_append(&x->text, "", 1, error);
  if (sheet->status != LAM_OK) return;
  if (is_literal)
    sheet_literal(sheet, (const char *)x->text.data);
  else
    sheet_text(sheet, lam_bytes_of(x->text.data, x->text.size - 1));
}

/* A table says only what is out of the ordinary. */
static void flag_unless(const struct inspect *x, struct sheet *sheet, bool value, bool usual, bool present) {
  if (present && (x->cli->json || value != usual))
    sheet_flag(sheet, value);
  else
    sheet_none(sheet);
}

static void bound_cells(struct inspect *x, struct sheet *sheet, int32_t leaf, const struct lam_statistics *s,
                        struct lam_error *error) {
  bool old = !s->min.data && !s->max.data && (s->old_min.data || s->old_max.data);
  struct lam_bytes min = old ? s->old_min : s->min, max = old ? s->old_max : s->max;
  bool any = min.data || max.data;
  bound_cell(x, sheet, leaf, min, error);
  bound_cell(x, sheet, leaf, max, error);
  flag_unless(x, sheet, s->min_exact, true, min.data && !old);
  flag_unless(x, sheet, s->max_exact, true, max.data && !old);
  flag_unless(x, sheet, old, false, any);
  flag_unless(x, sheet, lam_statistics_trusted(x->meta, leaf, old), true, any);
}

static void encodings_cell(struct sheet *sheet, uint32_t encodings) {
  const char *names[32];
  int count = 0;
  for (int i = 0; i < 32; i++)
    if (encodings >> i & 1) names[count++] = lam_encoding_name((enum lam_encoding)i);
  sheet_list(sheet, names, count);
}

/* Numbers of entries by level, from level 0 on. */
static void levels_cell(struct inspect *x, struct sheet *sheet, const int64_t *counts, uint32_t count,
                        struct lam_error *error) {
  struct lam_buf *text = &x->text;
  text->size = 0;
  if (count == 0) {
    sheet_none(sheet);
    return;
  }
  for (uint32_t i = 0; i < count && sheet->status == LAM_OK; i++) {
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%s%" PRId64, i ? "," : x->cli->json ? "[" : "", counts[i]);
    sheet->status = lam_buf_append(text, digits, (size_t)size, error);
  }
  if (sheet->status == LAM_OK)
    sheet->status = lam_buf_append(text, x->cli->json ? "]" : "", x->cli->json ? 2 : 1, error);
  if (sheet->status == LAM_OK) (x->cli->json ? sheet_literal : sheet_whole)(sheet, (const char *)text->data);
}

/* Size statistics that are damaged are as good as none. */
static void size_cells(struct inspect *x, struct sheet *sheet, struct lam_bytes bytes, struct lam_error *error) {
  struct lam_size_statistics sizes = {.unencoded_bytes = -1};
  struct lam_arena arena;
  lam_arena_init(&arena, x->mem);
  if (bytes.size && lam_size_statistics_parse(bytes, &arena, &sizes, NULL) != LAM_OK)
    sizes = (struct lam_size_statistics){.unencoded_bytes = -1};
  count_or_none(sheet, sizes.unencoded_bytes);
  levels_cell(x, sheet, sizes.repetition.counts, sizes.repetition.count, error);
  levels_cell(x, sheet, sizes.definition.counts, sizes.definition.count, error);
  lam_arena_release(&arena);
}

static void chunk_row(struct inspect *x, struct sheet *sheet, int32_t group, int32_t leaf, struct lam_error *error) {
  const struct lam_chunk_meta *chunk = &x->meta->row_groups[group].chunks[leaf];
  sheet_number(sheet, group);
  path_cell(x, sheet, leaf, error);
  if (!chunk->has_metadata) { /* encrypted with a key of its own: the footer tells no more */
    for (int i = 2; i < sheet->columns - 1; i++) sheet_none(sheet);
    sheet_flag(sheet, chunk->encrypted);
    return;
  }
  sheet_string(sheet, lam_codec_name((enum lam_codec)chunk->codec));
  encodings_cell(sheet, chunk->encodings);
  sheet_number(sheet, chunk->values);
  struct lam_chunk_details details;
  lam_chunk_details(chunk, &details);
  count_or_none(sheet, details.statistics.null_count);
  count_or_none(sheet, details.statistics.nan_count);
  count_or_none(sheet, details.statistics.distinct_count);
  sheet_number(sheet, chunk->compressed_size);
  sheet_number(sheet, chunk->uncompressed_size);
  count_or_none(sheet, chunk->has_dictionary_offset ? chunk->dictionary_page_offset : -1);
  sheet_number(sheet, chunk->data_page_offset);
  bound_cells(x, sheet, leaf, &details.statistics, error);
  size_cells(x, sheet, details.size_statistics, error);
  count_or_none(sheet, chunk->bloom_offset ? chunk->bloom_offset : -1);
  count_or_none(sheet, chunk->bloom_offset && chunk->bloom_length_known ? chunk->bloom_length : -1);
  count_or_none(sheet, chunk->column_index_length ? chunk->column_index_offset : -1);
  count_or_none(sheet, chunk->offset_index_length ? chunk->offset_index_offset : -1);
  flag_unless(x, sheet, chunk->encrypted, false, true);
}

static enum lam_status print_chunks(struct inspect *x, struct lam_error *error) {
  static const char *const titles[] = {"row group",
                                       "column",
                                       "codec",
                                       "encodings",
                                       "values",
                                       "nulls",
                                       "nans",
                                       "distinct",
                                       "compressed",
                                       "uncompressed",
                                       "dictionary at",
                                       "data at",
                                       "min",
                                       "max",
                                       "min exact",
                                       "max exact",
                                       "deprecated",
                                       "trusted",
                                       "string bytes",
                                       "repetition levels",
                                       "definition levels",
                                       "bloom at",
                                       "bloom bytes",
                                       "column index at",
                                       "offset index at",
                                       "encrypted"};
  struct sheet sheet;
  if (!x->meta->row_group_count && !x->cli->json) return LAM_OK;
  LAM_TRY(title(x, "chunks", error));
  SHEET(sheet, x, titles, error);
  for (int32_t group = 0; group < x->meta->row_group_count && sheet.status == LAM_OK; group++)
    for (int32_t leaf = 0; leaf < x->meta->leaf_count && sheet.status == LAM_OK; leaf++)
      chunk_row(x, &sheet, group, leaf, error);
  return end(x, &sheet, error);
}

/* ---- pages ---- */

struct page_walk {
  struct inspect *x;
  struct sheet *sheet; /* NULL: only to see whether the pages can be read */
  int32_t group, leaf;
  int64_t index;
  int32_t data; /* data pages so far */
  struct lam_offset_index offsets;
  struct lam_column_index columns;
  struct lam_histogram levels[2]; /* of repetition and definition, of all pages; count 0 where they are of no use */
};

/* The histograms of the page indexes, where they are of as many pages and levels as there are. */
static enum lam_status find_levels(struct page_walk *walk, struct lam_arena *arena, struct lam_error *error) {
  const struct lam_schema_node *leaf = &walk->x->meta->nodes[walk->x->meta->leaves[walk->leaf]];
  if (walk->columns.count <= 0) return LAM_OK;
  for (int i = 0; i < 2; i++) {
    struct lam_bytes list = i ? walk->columns.definition_levels : walk->columns.repetition_levels;
    int64_t slots = 1 + (i ? leaf->max_definition : leaf->max_repetition);
    enum lam_status status = lam_histogram_parse(list, arena, &walk->levels[i], error);
    if (status != LAM_OK && status != LAM_CORRUPT) return status;
    if (status != LAM_OK || walk->levels[i].count != slots * walk->columns.count) walk->levels[i].count = 0;
  }
  return LAM_OK;
}

/* What the page indexes say of a page's sizes; `number` -1: nothing. */
static void page_size_cells(struct page_walk *walk, int32_t number, struct lam_error *error) {
  const int64_t *nans = walk->columns.count > 0 ? walk->columns.nan_counts : NULL;
  count_or_none(walk->sheet, number >= 0 && nans ? nans[number] : -1);
  count_or_none(walk->sheet, number >= 0 && walk->offsets.unencoded_bytes ? walk->offsets.unencoded_bytes[number] : -1);
  for (int i = 0; i < 2; i++) {
    uint32_t slots = number >= 0 && walk->levels[i].count ? walk->levels[i].count / (uint32_t)walk->columns.count : 0;
    levels_cell(walk->x, walk->sheet, slots ? walk->levels[i].counts + (size_t)number * slots : NULL, slots, error);
  }
}

/* What the page indexes say of the page. */
static void index_cells(struct page_walk *walk, const struct lam_page *page, struct lam_error *error) {
  bool is_data = page->header.kind == LAM_DATA_PAGE || page->header.kind == LAM_DATA_PAGE_V2;
  int32_t number = is_data ? walk->data++ : -1;
  const struct lam_page_location *pages = walk->offsets.pages;
  bool known = is_data && number < walk->offsets.count && pages[number].offset == page->offset;
  bool bounds = known && walk->columns.count > 0 && !walk->columns.null_pages[number];
  struct lam_bytes none = {NULL, 0};
  count_or_none(walk->sheet, known ? pages[number].first_row : -1);
  count_or_none(walk->sheet,
                known && walk->columns.count > 0 && walk->columns.null_counts ? walk->columns.null_counts[number] : -1);
  bound_cell(walk->x, walk->sheet, walk->leaf, bounds ? walk->columns.min[number] : none, error);
  bound_cell(walk->x, walk->sheet, walk->leaf, bounds ? walk->columns.max[number] : none, error);
  page_size_cells(walk, known ? number : -1, error);
}

static enum lam_status page_row(void *user, const struct lam_page *page, struct lam_error *error) {
  struct page_walk *walk = user;
  struct sheet *sheet = walk->sheet;
  const struct lam_page_header *h = &page->header;
  bool v2 = h->kind == LAM_DATA_PAGE_V2;
  if (!sheet) return LAM_OK;
  sheet_number(sheet, walk->group);
  path_cell(walk->x, sheet, walk->leaf, error);
  sheet_number(sheet, walk->index++);
  sheet_number(sheet, (int64_t)page->offset);
  sheet_string(sheet, page_kind_name(h->kind));
  sheet_string(sheet, lam_encoding_name(h->encoding));
  sheet_number(sheet, h->values);
  count_or_none(sheet, v2 ? h->nulls : -1);
  count_or_none(sheet, v2 ? h->rows : -1);
  sheet_number(sheet, page->header_size);
  sheet_number(sheet, h->compressed_size);
  sheet_number(sheet, h->uncompressed_size);
  sheet_flag(sheet, h->has_crc);
  index_cells(walk, page, error);
  return sheet->status;
}

static enum lam_status walk_chunk(struct inspect *x, struct sheet *sheet, int32_t group, int32_t leaf,
                                  struct lam_error *error) {
  struct page_walk walk = {.x = x, .sheet = sheet, .group = group, .leaf = leaf};
  struct lam_arena arena;
  lam_arena_init(&arena, x->mem);
  enum lam_status status = lam_page_indexes_read(x->file, group, &leaf, 1, &arena, &walk.offsets, &walk.columns, error);
  if (status == LAM_OK) status = find_levels(&walk, &arena, error);
  if (status == LAM_OK) status = lam_chunk_walk(x->file, group, leaf, false, x->mem, page_row, &walk, error);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status walk_chunks(struct inspect *x, struct sheet *sheet, struct lam_error *error) {
  for (int32_t group = 0; group < x->meta->row_group_count; group++)
    for (int32_t leaf = 0; leaf < x->meta->leaf_count; leaf++) {
      const struct lam_chunk_meta *chunk = &x->meta->row_groups[group].chunks[leaf];
      if (chunk->encrypted || !chunk->has_metadata) continue;
      LAM_TRY(lam_check_cancel(x->cli->context, error));
      LAM_TRY(walk_chunk(x, sheet, group, leaf, error));
    }
  return LAM_OK;
}

static enum lam_status print_pages(struct inspect *x, struct lam_error *error) {
  static const char *const titles[] = {"row group",
                                       "column",
                                       "page",
                                       "offset",
                                       "kind",
                                       "encoding",
                                       "values",
                                       "nulls",
                                       "rows",
                                       "header",
                                       "compressed",
                                       "uncompressed",
                                       "crc",
                                       "first row",
                                       "index nulls",
                                       "min",
                                       "max",
                                       "index nans",
                                       "string bytes",
                                       "repetition levels",
                                       "definition levels"};
  struct sheet sheet;
  LAM_TRY(title(x, "pages", error));
  SHEET(sheet, x, titles, error);
  enum lam_status status = walk_chunks(x, &sheet, error);
  if (sheet.status == LAM_OK) sheet.status = status;
  if (status != LAM_OK && !x->cli->json) { /* the pages before the one that is wrong are what one looks for */
    sheet.status = LAM_OK;
    sheet_end(&sheet);
    return status;
  }
  return end(x, &sheet, error);
}

static enum lam_status print_all(struct inspect *x, const char *path, bool pages, struct lam_error *error) {
  /* JSON is one whole object or an error, so what can fail is tried before anything is printed. */
  if (pages && x->cli->json) LAM_TRY(walk_chunks(x, NULL, error));
  LAM_TRY(print_file(x, path, error));
  LAM_TRY(print_key_values(x, error));
  LAM_TRY(print_schema(x, error));
  LAM_TRY(print_row_groups(x, error));
  LAM_TRY(print_chunks(x, error));
  if (pages) LAM_TRY(print_pages(x, error));
  return x->cli->json ? print("}\n", error) : LAM_OK;
}

enum lam_status run_inspect(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct string_list words = {.count = 0};
  struct lam_file_options as = LAM_FILE_OPTIONS_INIT;
  bool pages = false;
  const struct option options[] = {
      {"--pages", OPTION_FLAG, &pages}, {"--snapshot", OPTION_SIZE, &as.size}, {NULL, OPTION_FLAG, NULL}};
  struct inspect x = {.cli = cli};
  LAM_TRY(cli_begin(cli, argc, argv, options, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  LAM_TRY(spool_input(cli->context, &words.texts[0], error));
  LAM_TRY(lam_file_open(cli->context, words.texts[0], &as, &x.file, error));
  x.meta = lam_file_meta(x.file);
  x.mem = lam_file_mem(x.file);
  lam_buf_init(&x.text, x.mem);
  enum lam_status status = print_all(&x, words.texts[0], pages, error);
  lam_buf_release(&x.text);
  lam_file_close(x.file);
  if (status == LAM_OK) *exit_code = EXIT_DONE;
  return status;
}
