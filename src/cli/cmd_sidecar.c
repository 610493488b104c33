/* sidecar build, show and check. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/sheet.h"
#include "parquet/statistics.h"
#include "sidecar/sidecar.h"

struct sidecar_arguments {
  struct string_list partitions;
  const char *meta_dir, *bloom;
  uint64_t snapshot_size;
  bool force;
};

/* ---- build, check ---- */

static bool print_fault(void *user, const struct lam_fault *fault) {
  const struct cli *cli = user;
  char line[2048];
  if (cli->json) { /* standard output holds one object */
    fprintf(stderr, "%s: %s\n", fault->file, fault->message);
    return true;
  }
  int size = snprintf(line, sizeof line - 1, "%s: %s", fault->file, fault->message);
  if (size > (int)sizeof line - 2) size = (int)sizeof line - 2;
  line[size++] = '\n';
  return cli_write(line, (size_t)size, NULL) == LAM_OK;
}

static enum lam_status print_counts(struct cli *cli, const struct lam_sidecar_build_result *r, bool built,
                                    int *exit_code, struct lam_error *error) {
  const struct result_field build[] = {
      {"files", RESULT_COUNT, r->files, NULL},     {"built", RESULT_COUNT, r->built, NULL},
      {"current", RESULT_COUNT, r->current, NULL}, {"failed", RESULT_COUNT, r->failed, NULL},
      {"bytes", RESULT_BYTES, r->bytes, NULL},     {"file_bytes", RESULT_BYTES, r->file_bytes, NULL},
  };
  const struct result_field check[] = {
      {"files", RESULT_COUNT, r->files, NULL},
      {"missing", RESULT_COUNT, r->missing, NULL},
      {"faults", RESULT_COUNT, r->faults, NULL},
  };
  *exit_code = r->faults ? EXIT_FAULTS : EXIT_DONE;
  return built ? cli_print_result(cli, build, sizeof build / sizeof *build, error)
               : cli_print_result(cli, check, sizeof check / sizeof *check, error);
}

static enum lam_status run_files(struct cli *cli, const char *path, const struct sidecar_arguments *a, bool build,
                                 int *exit_code, struct lam_error *error) {
  struct lam_sidecar_build_options options = LAM_SIDECAR_BUILD_OPTIONS_INIT;
  struct lam_sidecar_build_result r = LAM_SIDECAR_BUILD_RESULT_INIT;
  options.table.meta_dir = a->meta_dir;
  options.table.partitions = a->partitions.texts;
  options.table.partition_count = a->partitions.count;
  options.inline_blooms = a->bloom;
  options.force = a->force;
  if (build)
    LAM_TRY(lam_sidecar_build(cli->context, path, &options, print_fault, cli, &r, error));
  else
    LAM_TRY(lam_sidecar_check(cli->context, path, &options.table, print_fault, cli, &r, error));
  return print_counts(cli, &r, build, exit_code, error);
}

/* ---- show ---- */

static enum lam_status show_columns(struct cli *cli, struct lam_sidecar *sidecar, struct lam_mem *mem,
                                    struct lam_error *error) {
  static const char *const titles[] = {"column", "path", "field id", "physical", "type", "designated"};
  struct sheet sheet;
  sheet_begin(&sheet, mem, cli->json, titles, 6, error);
  for (int32_t i = 0; i < lam_sidecar_columns(sidecar) && sheet.status == LAM_OK; i++) {
    struct lam_sidecar_column c = LAM_SIDECAR_COLUMN_INIT;
    sheet.status = lam_sidecar_column(sidecar, i, &c, error);
    if (sheet.status != LAM_OK) break;
    sheet_number(&sheet, i);
    sheet_text(&sheet, c.path ? lam_bytes_of(c.path, c.path_size) : lam_bytes_of(c.name, c.name_size));
    c.field_id >= 0 ? sheet_number(&sheet, c.field_id) : sheet_none(&sheet);
    sheet_string(&sheet, lam_physical_name((enum lam_physical)c.physical));
    c.type > 0 ? sheet_number(&sheet, c.type) : sheet_none(&sheet);
    sheet_flag(&sheet, sidecar->header.designated == i);
  }
  return sheet_end(&sheet);
}

/* As a value of its type where the sidecar has the schema, else in hexadecimal digits. */
static void show_bound(struct sheet *sheet, const struct lam_file_meta *meta, int32_t column, struct lam_bytes bound,
                       struct lam_buf *text) {
  bool literal = false;
  text->size = 0;
  if (!bound.data) {
    sheet_none(sheet);
    return;
  }
  if (sheet->status != LAM_OK) return;
  if (meta) {
    sheet->status = lam_bound_text(meta, column, bound, text, &literal, sheet->error);
  } else {
    for (size_t i = 0; i < bound.size && i < 32 && sheet->status == LAM_OK; i++) {
      char digits[3];
      snprintf(digits, sizeof digits, "%02x", bound.data[i]);
      sheet->status = lam_buf_append(text, digits, 2, sheet->error);
    }
  }
  sheet_text(sheet, lam_bytes_of(text->data, text->size));
}

static enum lam_status show_chunk(struct sheet *sheet, struct lam_sidecar *sidecar, const struct lam_file_meta *meta,
                                  int32_t row_group, int32_t column, struct lam_buf *text, struct lam_error *error) {
  struct lam_sidecar_chunk c = LAM_SIDECAR_CHUNK_INIT;
  LAM_TRY(lam_sidecar_chunk(sidecar, row_group, column, &c, error));
  sheet_number(sheet, row_group);
  sheet_number(sheet, column);
  sheet_string(sheet, lam_codec_name((enum lam_codec)c.codec));
  sheet_number(sheet, (int64_t)c.values);
  sheet_number(sheet, (int64_t)c.offset);
  sheet_number(sheet, (int64_t)c.size);
  c.null_count >= 0 ? sheet_number(sheet, c.null_count) : sheet_none(sheet);
  show_bound(sheet, meta, column, lam_bytes_of(c.min, c.min_size), text);
  show_bound(sheet, meta, column, lam_bytes_of(c.max, c.max_size), text);
  uint64_t bloom = c.bloom_size + c.bloom_length;
  bloom ? sheet_number(sheet, (int64_t)bloom) : sheet_none(sheet);
  return LAM_OK;
}

static enum lam_status show_chunks(struct cli *cli, struct lam_sidecar *sidecar, struct lam_mem *mem,
                                   struct lam_error *error) {
  static const char *const titles[] = {"row group", "column", "codec", "values", "offset",
                                       "size",      "nulls",  "min",   "max",    "bloom"};
  struct sheet sheet;
  struct lam_arena arena;
  struct lam_file_meta meta;
  struct lam_buf text;
  bool there;
  lam_arena_init(&arena, mem);
  lam_buf_init(&text, mem);
  enum lam_status status = pm_file_meta(sidecar, &arena, &there, &meta, error);
  if (status == LAM_OK) {
    sheet_begin(&sheet, mem, cli->json, titles, 10, error);
    for (int32_t g = 0; g < lam_sidecar_row_groups(sidecar); g++)
      for (int32_t i = 0; i < lam_sidecar_columns(sidecar) && sheet.status == LAM_OK; i++)
        sheet.status = show_chunk(&sheet, sidecar, there ? &meta : NULL, g, i, &text, error);
    status = sheet_end(&sheet);
  }
  lam_buf_release(&text);
  lam_arena_release(&arena);
  return status;
}

static enum lam_status print(const char *text, struct lam_error *error) {
  return cli_write(text, strlen(text), error);
}

static enum lam_status show(struct cli *cli, struct lam_sidecar *sidecar, struct lam_mem *mem,
                            struct lam_error *error) {
  char head[512];
  const struct pm_footer *footer = &sidecar->footer;
  const char *format = cli->json ? "{\"bytes\": %" PRIu64 ", \"file_size\": %" PRIu64 ", \"columns\": %" PRId32
                                   ", \"row_groups\": %" PRId32 ", \"dead_bytes\": %" PRIu64 ", \"previous\": %" PRIu64
                                   ", \"leaves\": ["
                                 : "bytes %" PRIu64 ", file size %" PRIu64 ", columns %" PRId32 ", row groups %" PRId32
                                   ", dead bytes %" PRIu64 ", previous %" PRIu64 "\n\n";
  snprintf(head, sizeof head, format, sidecar->end, lam_sidecar_file_size(sidecar), lam_sidecar_columns(sidecar),
           lam_sidecar_row_groups(sidecar), footer->dead_bytes, footer->previous);
  LAM_TRY(print(head, error));
  LAM_TRY(show_columns(cli, sidecar, mem, error));
  LAM_TRY(print(cli->json ? "], \"chunks\": [" : "\n", error));
  LAM_TRY(show_chunks(cli, sidecar, mem, error));
  return cli->json ? print("]}\n", error) : LAM_OK;
}

/* That of a file of a table, which is one of the directories above it. */
static bool find_in_table(const char *path, const char *meta_dir, char *out, size_t room) {
  char *real = realpath(path, NULL);
  bool found = false;
  for (size_t at = real ? strlen(real) : 0; at > 1 && !found; at--) {
    if (real[at - 1] != '/') continue;
    int size = meta_dir ? snprintf(out, room, "%s/pm/%s._pm", meta_dir, real + at)
                        : snprintf(out, room, "%.*s.lamella/pm/%s._pm", (int)at - 1, real, real + at);
    found = size > 0 && (size_t)size < room && access(out, F_OK) == 0;
  }
  free(real);
  return found;
}

/* The sidecar that a path means: itself, or the one in the directory, in its table's state, or beside the file. */
static void sidecar_path(const char *path, const char *meta_dir, char *out, size_t room) {
  struct stat st;
  size_t size = strlen(path);
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
    snprintf(out, room, "%s/_pm", path);
  else if (size >= 3 && strcmp(path + size - 3, "_pm") == 0)
    snprintf(out, room, "%s", path);
  else if (!find_in_table(path, meta_dir, out, room))
    snprintf(out, room, "%.*s_pm", (int)(name - path), path);
}

static enum lam_status run_show(struct cli *cli, const char *path, const struct sidecar_arguments *a,
                                struct lam_error *error) {
  char place[LAM_KEY_MAX + 16];
  struct lam_mem *mem;
  struct lam_sidecar *sidecar;
  sidecar_path(path, a->meta_dir, place, sizeof place);
  LAM_TRY(lam_mem_open(cli->context, 1 << 20, &mem, error));
  enum lam_status status = lam_sidecar_open(cli->context, place, a->snapshot_size, &sidecar, error);
  if (status == LAM_OK) {
    status = show(cli, sidecar, mem, error);
    lam_sidecar_close(sidecar);
  }
  lam_mem_close(mem);
  return status;
}

enum lam_status run_sidecar(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct sidecar_arguments a = {.meta_dir = NULL};
  struct string_list words = {.count = 0};
  const struct option options[] = {
      {"--bloom", OPTION_STRING, &a.bloom},          {"--force", OPTION_FLAG, &a.force},
      {"--partition", OPTION_LIST, &a.partitions},   {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {"--snapshot", OPTION_SIZE, &a.snapshot_size}, {NULL, OPTION_FLAG, NULL},
  };
  LAM_TRY(cli_begin(cli, argc, argv, options, &words, 2, 2, exit_code, error));
  if (cli->help) return LAM_OK;
  const char *verb = words.texts[0], *path = words.texts[1];
  bool build = strcmp(verb, "build") == 0, check = strcmp(verb, "check") == 0, shows = strcmp(verb, "show") == 0;
  *exit_code = EXIT_USAGE;
  if (!build && !check && !shows)
    return lam_fail(error, LAM_INVALID, "sidecar '%s': expected build, show or check", verb);
  if (a.bloom && strcmp(a.bloom, "inline") != 0)
    return lam_fail(error, LAM_INVALID, "--bloom '%s': expected inline", a.bloom);
  if ((a.bloom || a.force) && !build)
    return lam_fail(error, LAM_INVALID, "--bloom and --force belong to sidecar build");
  if (a.snapshot_size && !shows) return lam_fail(error, LAM_INVALID, "--snapshot belongs to sidecar show");
  LAM_TRY(cli_check_partitions(&a.partitions, error));
  *exit_code = EXIT_FAILED;
  if (!shows) return run_files(cli, path, &a, build, exit_code, error);
  LAM_TRY(run_show(cli, path, &a, error));
  *exit_code = EXIT_DONE;
  return LAM_OK;
}
