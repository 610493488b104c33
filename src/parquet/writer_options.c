#include <inttypes.h>
#include <stdlib.h>

#include "base/options.h"
#include "parquet/writer_state.h"

enum {
  DEFAULT_PAGE_BYTES = 1 << 20,
  DEFAULT_PAGE_ROWS = 1 << 16, /* what a reader that wants one row decodes of each column */
  DEFAULT_DICTIONARY_BYTES = 1 << 20,
};

enum lam_status lam_write_options_read(const struct lam_write_options *given, struct lam_write_options *out,
                                       struct lam_error *error) {
  *out = (struct lam_write_options)LAM_WRITE_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_WRITE_OPTIONS_INIT", out, sizeof *out, error));
  const struct {
    const char *name;
    int64_t value, most;
  } sizes[] = {{"row_group_rows", out->row_group_rows, INT32_MAX},
               {"row_group_bytes", out->row_group_bytes, INT64_MAX},
               {"page_bytes", out->page_bytes, 1 << 30},
               {"page_rows", out->page_rows, INT32_MAX},
               {"dictionary_bytes", out->dictionary_bytes, 1 << 30},
               {"column_count", out->column_count, INT32_MAX},
               {"sorting_count", out->sorting_count, INT32_MAX},
               {"key_value_count", out->key_value_count, INT32_MAX}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i].value < 0 || sizes[i].value > sizes[i].most)
      return lam_fail(error, LAM_INVALID, "the write option %s is %" PRId64 "; it is 0 to %" PRId64, sizes[i].name,
                      sizes[i].value, sizes[i].most);
  return LAM_OK;
}

enum lam_status lam_leaf_name(const struct lam_file_meta *meta, int32_t leaf, struct lam_arena *arena, const char **out,
                              struct lam_error *error) {
  const struct lam_schema_node *nodes = meta->nodes;
  size_t size = 0;
  int32_t node = meta->leaves[leaf];
  for (int32_t i = node; i > 0; i = nodes[i].parent) size += nodes[i].name.size + 1;
  char *name;
  LAM_TRY(lam_arena_alloc(arena, size, (void **)&name, error));
  char *at = name + size;
  for (int32_t i = node; i > 0; i = nodes[i].parent) {
    *--at = i == node ? 0 : '.';
    at -= nodes[i].name.size;
    lam_copy(at, nodes[i].name.data, nodes[i].name.size);
  }
  *out = name;
  return LAM_OK;
}

static enum lam_status resolve_codec(const struct lam_column_options *from, struct lam_chunk_options *to,
                                     struct lam_error *error) {
  switch (from->codec) {
    case LAM_WRITE_DEFAULT: to->codec = LAM_ZSTD; break;
    case LAM_WRITE_NONE:
    case LAM_WRITE_SNAPPY:
    case LAM_WRITE_GZIP:
    case LAM_WRITE_BROTLI:
    case LAM_WRITE_ZSTD:
    case LAM_WRITE_LZ4_RAW: to->codec = (enum lam_codec)from->codec; break;
    default:
      return lam_fail(error, LAM_INVALID, "codec %d of column \"%s\" cannot be written", from->codec,
                      from->name ? from->name : "*");
  }
  to->level = from->level;
  if (to->level < 0)
    return lam_fail(error, LAM_INVALID, "the codec %s has no level %d", lam_codec_name(to->codec), to->level);
  return LAM_OK;
}

/* An encoding that is asked of all columns, or of all leaves of one, applies where it fits; asked of one leaf it must.
 */
static enum lam_status resolve_encoding(const struct lam_column_options *from, enum lam_physical physical, bool all,
                                        struct lam_chunk_options *to, struct lam_error *error) {
  enum lam_write_encoding encoding = (enum lam_write_encoding)from->encoding;
  if (lam_chunk_encoding_fits(encoding, physical)) {
    to->encoding = encoding;
    return LAM_OK;
  }
  if (all && from->encoding >= 0 && from->encoding <= LAM_ENCODE_RLE) return LAM_OK;
  return lam_fail(error, LAM_INVALID, "encoding %d of column \"%s\" does not fit its type, %s", from->encoding,
                  from->name ? from->name : "*", lam_physical_name(physical));
}

/* As with encodings, one that is asked of all columns applies where it fits. */
static enum lam_status resolve_bloom(const struct lam_column_options *from, const struct lam_schema_node *leaf,
                                     bool of_all, struct lam_chunk_options *to, struct lam_error *error) {
  const char *name = from->name ? from->name : "*";
  if (from->bloom < LAM_BLOOM_DEFAULT || from->bloom > LAM_BLOOM_NEVER)
    return lam_fail(error, LAM_INVALID, "the choice %d of a bloom filter for column \"%s\" is unknown", from->bloom,
                    name);
  if (!(from->false_positives >= 0 && from->false_positives < 1))
    return lam_fail(error, LAM_INVALID, "a bloom filter of column \"%s\" cannot have the rate of false positives %g",
                    name, from->false_positives);
  if (from->bloom == LAM_BLOOM_ALWAYS && !of_all && !lam_bloom_type_fits(leaf))
    return lam_fail(error, LAM_INVALID, "column \"%s\" cannot have a bloom filter: its type is %s", name,
                    lam_physical_name((enum lam_physical)leaf->physical));
  to->bloom = (enum lam_write_bloom)from->bloom;
  to->false_positives = from->false_positives;
  return LAM_OK;
}

/* Options in the order of their names, those of one name in theirs; NULL, for all columns, is first. A file has as many
 * as leaves. */
struct named {
  const char *name;
  int32_t index;
};
struct names {
  struct named *first, *end;
};

static int compare_names(const char *a, const char *b) {
  if (!a || !b) return (a != NULL) - (b != NULL);
  return strcmp(a, b);
}

static int compare_named(const void *a, const void *b) {
  const struct named *x = a, *y = b;
  int order = compare_names(x->name, y->name);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

static enum lam_status sort_names(const struct lam_write_options *options, struct lam_arena *arena, struct names *out,
                                  struct lam_error *error) {
  size_t count = (size_t)options->column_count;
  LAM_TRY(lam_arena_array(arena, count, sizeof *out->first, (void **)&out->first, error));
  for (size_t i = 0; i < count; i++) out->first[i] = (struct named){options->columns[i].name, (int32_t)i};
  if (count) qsort(out->first, count, sizeof *out->first, compare_named);
  out->end = out->first + count;
  return LAM_OK;
}

/* The first of that name or behind it. */
static struct named *lower_bound(const struct names *all, const char *name) {
  struct named *low = all->first;
  for (size_t count = (size_t)(all->end - low); count > 0;) {
    size_t half = count / 2;
    bool before = compare_names(low[half].name, name) < 0;
    low += before ? half + 1 : 0;
    count = before ? count - half - 1 : half;
  }
  return low;
}

/* Options name a leaf by its path, or by its column, of which they are then for all leaves. */
static enum lam_status resolve_column(const struct lam_write_options *options, const struct names *names,
                                      const struct lam_writer *writer, int32_t index, struct lam_chunk_options *out,
                                      struct lam_error *error) {
  const struct lam_writer_column *column = &writer->columns[index];
  const struct lam_schema_node *leaf = &writer->meta.nodes[writer->meta.leaves[index]];
  const char *wanted[3] = {NULL, writer->schema.children[column->top]->name, column->name};
  int count = strcmp(wanted[1], wanted[2]) == 0 ? 2 : 3;
  struct named *next[3];
  for (int i = 0; i < count; i++) next[i] = lower_bound(names, wanted[i]);
  for (;;) { /* the three runs of one name each, in the order in which they were given */
    int least = -1;
    for (int i = 0; i < count; i++)
      if (next[i] < names->end && compare_names(next[i]->name, wanted[i]) == 0 &&
          (least < 0 || next[i]->index < next[least]->index))
        least = i;
    if (least < 0) return LAM_OK;
    const struct lam_column_options *from = &options->columns[next[least]->index];
    next[least]++;
    LAM_TRY(resolve_codec(from, out, error));
    LAM_TRY(resolve_encoding(from, (enum lam_physical)leaf->physical, least < count - 1, out, error));
    LAM_TRY(resolve_bloom(from, leaf, least < count - 1, out, error));
    out->statistics = !from->no_statistics;
  }
}

enum lam_status lam_writer_resolve(const struct lam_write_options *options, struct lam_writer *writer,
                                   struct lam_chunk_options *out, struct lam_error *error) {
  struct lam_chunk_options all = {
      .codec = LAM_ZSTD,
      .v2 = options->data_page_v2,
      .checksums = !options->no_page_checksums,
      .statistics = true,
      .page_index = !options->no_page_index,
      .page_bytes = options->page_bytes ? (size_t)options->page_bytes : DEFAULT_PAGE_BYTES,
      .page_rows = options->page_rows ? options->page_rows : DEFAULT_PAGE_ROWS,
      .dictionary_bytes = options->dictionary_bytes ? (size_t)options->dictionary_bytes : DEFAULT_DICTIONARY_BYTES,
      .row_group_rows = writer->row_group_rows};
  lam_writer_plan(writer, options->page_bytes != 0, &all);
  struct lam_arena scratch;
  struct names names;
  lam_arena_init(&scratch, writer->mem);
  enum lam_status status = sort_names(options, &scratch, &names, error);
  for (int32_t i = 0; i < writer->column_count && status == LAM_OK; i++) {
    out[i] = all;
    status = resolve_column(options, &names, writer, i, &out[i], error);
  }
  lam_arena_release(&scratch);
  return status;
}

/* ---- options that continue a file ---- */

static int codec_of(int8_t codec) {
  switch ((enum lam_codec)codec) {
    case LAM_LZ4: return LAM_WRITE_LZ4_RAW; /* the deprecated framing is read, not written */
    case LAM_LZO: return LAM_WRITE_DEFAULT;
    default: return codec >= 0 && codec <= LAM_LZ4_RAW ? codec : LAM_WRITE_DEFAULT;
  }
}

static int encoding_of(const struct lam_chunk_meta *chunk) {
  static const struct {
    enum lam_encoding page;
    enum lam_write_encoding choice;
  } known[] = {{LAM_DELTA_BINARY_PACKED, LAM_ENCODE_DELTA},
               {LAM_DELTA_LENGTH_BYTE_ARRAY, LAM_ENCODE_DELTA},
               {LAM_DELTA_BYTE_ARRAY, LAM_ENCODE_DELTA_BYTES},
               {LAM_BYTE_STREAM_SPLIT, LAM_ENCODE_SPLIT}};
  uint32_t dictionary = 1u << LAM_PLAIN_DICTIONARY | 1u << LAM_RLE_DICTIONARY;
  enum lam_physical physical = (enum lam_physical)chunk->physical;
  if (chunk->encodings & dictionary) return LAM_ENCODE_DEFAULT;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (chunk->encodings & 1u << known[i].page && lam_chunk_encoding_fits(known[i].choice, physical))
      return (int)known[i].choice;
  /* RLE alone: it is listed for levels too. */
  if (physical == LAM_BOOLEAN && chunk->encodings & 1u << LAM_RLE && !(chunk->encodings & 1u << LAM_PLAIN))
    return LAM_ENCODE_RLE;
  return LAM_ENCODE_DEFAULT;
}

static bool has_bloom(const struct lam_file_meta *meta, int32_t leaf) {
  if (!lam_bloom_type_fits(&meta->nodes[meta->leaves[leaf]])) return false;
  for (int32_t i = 0; i < meta->row_group_count; i++)
    if (meta->row_groups[i].chunks[leaf].bloom_offset > 0 || meta->row_groups[i].chunks[leaf].bloom_described)
      return true;
  return false;
}

enum lam_status lam_column_options_of(const struct lam_file *file, struct lam_arena *arena,
                                      struct lam_column_options **out, int32_t *count, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  const struct lam_row_group_meta *group = meta->row_group_count > 0 ? &meta->row_groups[0] : NULL;
  size_t most = (size_t)meta->leaf_count + (size_t)meta->top_count;
  LAM_TRY(lam_arena_array(arena, most, sizeof **out, (void **)out, error));
  *count = 0;
  for (int32_t i = 0; i < meta->top_count; i++) {
    const struct lam_schema_node *top = &meta->nodes[meta->tops[i]];
    int codec = group && top->leaves > 0 ? codec_of(group->chunks[top->leaf].codec) : LAM_WRITE_DEFAULT;
    struct lam_column_options *column = &(*out)[*count];
    if (top->children > 0) {
      char *name;
      LAM_TRY(lam_arena_string(arena, top->name, &name, error));
      *column++ = (struct lam_column_options){.name = name, .codec = codec};
      ++*count;
    }
    for (int32_t leaf = top->leaf; leaf < top->leaf + top->leaves; leaf++, column++, ++*count) {
      *column = (struct lam_column_options){.codec = LAM_WRITE_DEFAULT};
      LAM_TRY(lam_leaf_name(meta, leaf, arena, &column->name, error));
      if (!group) continue;
      column->codec = codec_of(group->chunks[leaf].codec);
      column->encoding = encoding_of(&group->chunks[leaf]);
      column->bloom = has_bloom(meta, leaf) ? LAM_BLOOM_ALWAYS : LAM_BLOOM_DEFAULT;
    }
  }
  return LAM_OK;
}

/* Digits with at most one dot between them. */
static bool parse_rate(const char *text, double *out) {
  double value = 0, unit = 0;
  for (; *text; text++) {
    if (*text == '.' && unit == 0) {
      unit = 1;
      continue;
    }
    if (*text < '0' || *text > '9') return false;
    if (unit > 0) unit /= 10;
    value = unit > 0 ? value + unit * (*text - '0') : value * 10 + (*text - '0');
  }
  *out = value;
  return value > 0 && value < 1;
}

/* Whether `name` is `column`, or a leaf below it. */
static bool is_within(const char *name, const char *column) {
  size_t size = strlen(column);
  return name && !strncmp(name, column, size) && (!name[size] || name[size] == '.');
}

static enum lam_status make_bloom(const char *name, double rate, const struct ArrowSchema *schema,
                                  struct lam_column_options *columns, int32_t *count, struct lam_error *error) {
  bool exists = false, found = false;
  struct lam_column_options base = {.codec = LAM_WRITE_DEFAULT};
  for (int64_t i = 0; i < schema->n_children; i++) exists |= is_within(name, schema->children[i]->name);
  if (!exists) return lam_fail(error, LAM_NOT_FOUND, "a bloom filter of \"%s\": there is no such column", name);
  for (int32_t i = 0; i < *count; i++) {
    if (!columns[i].name) base = columns[i];
    if (!is_within(columns[i].name, name)) continue;
    columns[i].bloom = LAM_BLOOM_ALWAYS;
    columns[i].false_positives = rate;
    found = true;
  }
  if (found) return LAM_OK;
  base.name = name;
  base.bloom = LAM_BLOOM_ALWAYS;
  base.false_positives = rate;
  columns[(*count)++] = base;
  return LAM_OK;
}

enum lam_status lam_column_options_bloom(const char *text, const struct ArrowSchema *schema, struct lam_arena *arena,
                                         struct lam_column_options **columns, int32_t *count, struct lam_error *error) {
  char *names;
  double rate = 0;
  size_t more = 1;
  struct lam_column_options *all;
  LAM_TRY(lam_arena_string(arena, lam_bytes_of_string(text), &names, error));
  char *colon = strrchr(names, ':');
  if (colon && parse_rate(colon + 1, &rate)) *colon = 0; /* a name may have a colon, too */
  for (const char *p = names; *p; p++) more += *p == ',';
  LAM_TRY(lam_arena_array(arena, (size_t)*count + more, sizeof *all, (void **)&all, error));
  lam_copy(all, *columns, (size_t)*count * sizeof *all);
  *columns = all;
  for (char *name = names, *next; name; name = next) {
    next = strchr(name, ',');
    if (next) *next++ = 0;
    LAM_TRY(make_bloom(name, rate, schema, all, count, error));
  }
  return LAM_OK;
}
