#include "ops/import_source.h"

#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <unistd.h>

#include "base/context.h"
#include "ops/csv_read.h"
#include "ops/json_read.h"

struct lam_import_source {
  struct lam_mem *mem;
  struct lam_arena arena;
  const char *path;
  const struct ArrowSchema *like; /* NULL, or for the open only: types of columns that are read from texts */
  struct ArrowSchema schema;

  struct lam_table *table; /* Parquet */
  struct lam_scan *scan;

  struct lam_csv *csv; /* one of these reads a text */
  struct lam_json *json;
  struct lam_store *store;
  struct lam_input *input; /* NULL: standard input */
  uint64_t size, at;
};

bool lam_import_source_once(const char *path) {
  return strcmp(path, "-") == 0;
}
const struct ArrowSchema *lam_import_source_schema(const struct lam_import_source *s) {
  return &s->schema;
}
uint64_t lam_import_source_files(const struct lam_import_source *s) {
  return s->table ? lam_table_files(s->table) : 1;
}
uint64_t lam_import_source_rows(const struct lam_import_source *s) {
  return s->table ? lam_table_rows(s->table) : 0;
}

uint64_t lam_import_source_bytes(const struct lam_import_source *s) {
  return s->table ? lam_table_bytes(s->table) : s->input ? s->size : s->at;
}

static bool ends_in(const char *path, const char *suffix) {
  size_t size = strlen(path), tail = strlen(suffix);
  return size >= tail && strcasecmp(path + size - tail, suffix) == 0;
}

static enum lam_import_format format_of(const char *path, enum lam_import_format given) {
  static const struct {
    const char *suffix;
    enum lam_import_format format;
  } suffixes[] = {
      {".csv", LAM_IMPORT_CSV},   {".tsv", LAM_IMPORT_CSV},    {".txt", LAM_IMPORT_CSV},
      {".json", LAM_IMPORT_JSON}, {".jsonl", LAM_IMPORT_JSON}, {".ndjson", LAM_IMPORT_JSON},
  };
  if (given != LAM_IMPORT_BY_NAME) return given;
  if (lam_import_source_once(path)) return LAM_IMPORT_CSV;
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
    if (ends_in(path, suffixes[i].suffix)) return suffixes[i].format;
  return LAM_IMPORT_PARQUET;
}

/* ---- texts ---- */

static enum lam_status read_file(void *user, void *to, size_t room, size_t *got, struct lam_error *error) {
  struct lam_import_source *s = user;
  *got = (size_t)lam_min_u64(room, s->size - s->at);
  if (*got == 0) return LAM_OK;
  LAM_TRY(s->store->ops->read(s->input, s->at, to, *got, error));
  s->at += *got;
  return LAM_OK;
}

/* A signal that comes just before a read would wait for more input, so the wait is in short turns. */
static enum lam_status read_stdin(void *user, void *to, size_t room, size_t *got, struct lam_error *error) {
  enum { TURN_MS = 100 };
  struct lam_import_source *s = user;
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  for (;;) {
    LAM_TRY(lam_check_cancel(lam_mem_context(s->mem), error));
    int ready = poll(&input, 1, TURN_MS);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    ssize_t n = read(STDIN_FILENO, to, room);
    if (n >= 0) {
      *got = (size_t)n;
      s->at += (uint64_t)n;
      return LAM_OK;
    }
    if (errno != EINTR && errno != EAGAIN) return lam_fail_errno(error, errno, "reading standard input");
  }
}

static enum lam_status open_input(struct lam_import_source *s, struct lam_error *error) {
  const char *slash = strrchr(s->path, '/');
  char *directory = NULL;
  struct lam_object_info info;
  if (slash == s->path)
    directory = "/";
  else if (slash)
    LAM_TRY(lam_arena_string(&s->arena, lam_bytes_of(s->path, (size_t)(slash - s->path)), &directory, error));
  LAM_TRY(lam_store_local(lam_mem_context(s->mem), directory ? directory : ".", &s->store, error));
  LAM_TRY(s->store->ops->open(s->store, slash ? slash + 1 : s->path, &s->input, &info, error));
  s->size = info.size;
  return LAM_OK;
}

static bool has_type(const struct lam_import_options *options, const char *column) {
  for (int32_t i = 0; i < options->type_count; i++)
    if (strcmp(options->types[i].column, column) == 0) return true;
  return false;
}

static enum lam_status given_types(struct lam_import_source *s, const struct lam_import_options *options,
                                   struct lam_csv_type **out, int32_t *count, struct lam_error *error) {
  void *memory;
  size_t room = (size_t)options->type_count + (s->like ? (size_t)s->like->n_children : 0);
  LAM_TRY(lam_arena_array(&s->arena, room, sizeof **out, &memory, error));
  *out = memory;
  *count = options->type_count;
  for (int32_t i = 0; i < options->type_count; i++) {
    for (int32_t j = 0; j < i; j++)
      if (strcmp(options->types[i].column, options->types[j].column) == 0)
        return lam_fail(error, LAM_INVALID, "two types are given for column \"%.100s\"", options->types[i].column);
    (*out)[i].column = options->types[i].column;
    LAM_TRY(lam_type_parse_name(options->types[i].type, &(*out)[i].type, error));
  }
  for (int64_t c = 0; s->like && c < s->like->n_children; c++) {
    const struct ArrowSchema *field = s->like->children[c];
    struct lam_csv_type like = {.column = field->name};
    LAM_TRY(lam_type_parse(field, &like.type, error));
    if (!lam_type_is_nested(like.type.id) && !has_type(options, field->name)) (*out)[(*count)++] = like;
  }
  return LAM_OK;
}

static enum lam_status open_csv(struct lam_import_source *s, const struct lam_import_options *options,
                                struct lam_error *error) {
  struct lam_csv_type *types;
  struct lam_csv_options csv = {
      .delimiter = options->delimiter         ? options->delimiter
                   : ends_in(s->path, ".tsv") ? '\t'
                                              : ',',
      .no_header = options->no_header,
      .spare_types = s->like,
      .nulls = &options->null_text,
      .null_count = options->null_text ? 1 : 0,
  };
  LAM_TRY(given_types(s, options, &types, &csv.type_count, error));
  csv.types = types;
  LAM_TRY(lam_csv_open(s->mem, s->input ? read_file : read_stdin, s, &csv, &s->csv, error));
  return lam_csv_schema(s->csv, &s->schema, error);
}

static enum lam_status open_json(struct lam_import_source *s, const struct lam_import_options *options,
                                 struct lam_error *error) {
  struct lam_csv_type *types;
  struct lam_json_options json = {.spare_types = s->like};
  LAM_TRY(given_types(s, options, &types, &json.type_count, error));
  json.types = types;
  LAM_TRY(lam_json_open(s->mem, s->input ? read_file : read_stdin, s, &json, &s->json, error));
  return lam_json_schema(s->json, &s->schema, error);
}

static enum lam_status open_text(struct lam_import_source *s, const struct lam_import_options *options,
                                 enum lam_import_format format, struct lam_error *error) {
  enum lam_status status = lam_import_source_once(s->path) ? LAM_OK : open_input(s, error);
  if (status == LAM_OK) status = format == LAM_IMPORT_CSV ? open_csv(s, options, error) : open_json(s, options, error);
  return lam_fail_in(error, status, "%s", strcmp(s->path, "-") ? s->path : "standard input");
}

/* ---- Parquet ---- */

static enum lam_status open_parquet(struct lam_import_source *s, const struct lam_import_options *options,
                                    struct lam_error *error) {
  struct lam_table_options table = LAM_TABLE_OPTIONS_INIT;
  table.no_checksums = options->change.no_checksums;
  LAM_TRY(lam_table_open_in(s->mem, s->path, &table, &s->table, error));
  LAM_TRY(lam_scan_open(s->table, NULL, &s->scan, error));
  return lam_scan_schema(s->scan, &s->schema, error);
}

enum lam_status lam_import_source_open(struct lam_mem *mem, const char *path, const struct lam_import_options *options,
                                       struct lam_import_source **out, struct lam_error *error) {
  return lam_import_source_open_like(mem, path, options, NULL, out, error);
}

enum lam_status lam_import_source_open_like(struct lam_mem *mem, const char *path,
                                            const struct lam_import_options *options, const struct ArrowSchema *like,
                                            struct lam_import_source **out, struct lam_error *error) {
  struct lam_import_source *s;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *s, (void **)&s, error));
  s->mem = mem;
  s->path = path;
  s->like = like;
  lam_arena_init(&s->arena, mem);
  enum lam_import_format format = format_of(path, options->format);
  enum lam_status status =
      format == LAM_IMPORT_PARQUET ? open_parquet(s, options, error) : open_text(s, options, format, error);
  s->like = NULL;
  if (status == LAM_OK)
    *out = s;
  else
    lam_import_source_close(s);
  return status;
}

void lam_import_source_close(struct lam_import_source *s) {
  if (!s) return;
  lam_csv_close(s->csv);
  lam_json_close(s->json);
  if (s->input) s->store->ops->close_input(s->input);
  lam_store_close(s->store);
  lam_scan_close(s->scan);
  lam_table_close(s->table);
  lam_schema_release(&s->schema);
  lam_arena_release(&s->arena);
  lam_free(s->mem, s, sizeof *s);
}

enum lam_status lam_import_source_next(struct lam_import_source *s, struct ArrowArray *out, struct lam_error *error) {
  if (s->scan) return lam_scan_next(s->scan, out, error);
  enum lam_status status = s->csv ? lam_csv_next(s->csv, out, error) : lam_json_next(s->json, out, error);
  return lam_fail_in(error, status, "%s", strcmp(s->path, "-") ? s->path : "standard input");
}
