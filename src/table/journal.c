#include "table/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "table/listing.h"

/* Of a journal or a head: enough for some ten million files; a larger one is not of ours. */
#define LARGEST_TEXT ((uint64_t)1 << 31)
#define JOURNAL_TITLE "lamella journal 1"
#define HEAD_TITLE "lamella head 1"
enum { MOST_FIELDS = 6 };

static const char *const how_names[] = {"exchange", "new", "files"};
static const char *const action_names[] = {"add", "remove", "keep", "append"};

void lam_journal_release(struct lam_journal *journal) {
  lam_arena_release(&journal->arena);
  struct lam_mem *mem = journal->arena.mem;
  *journal = (struct lam_journal){0};
  lam_arena_init(&journal->arena, mem);
}

void lam_head_release(struct lam_head *head) {
  lam_arena_release(&head->arena);
  struct lam_mem *mem = head->arena.mem;
  *head = (struct lam_head){0};
  lam_arena_init(&head->arena, mem);
}

enum lam_status lam_head_add(struct lam_head *head, struct lam_head_file file, struct lam_error *error) {
  void *items = head->files;
  LAM_TRY(lam_vector_grow(&head->arena, &items, head->file_count, &head->file_room, sizeof file, error));
  head->files = items;
  head->files[head->file_count++] = file;
  return LAM_OK;
}

/* ---- writing ---- */

static enum lam_status put(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

__attribute__((format(printf, 3, 4))) static enum lam_status put_numbers(struct lam_buf *out, struct lam_error *error,
                                                                         const char *format, ...) {
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return put(out, text, error);
}

/* A space and the key, as one field: blanks, control characters and '%' are %XX, and the root is ".". */
static enum lam_status put_key(struct lam_buf *out, const char *key, struct lam_error *error) {
  LAM_TRY(put(out, *key ? " " : " .", error));
  for (const uint8_t *p = (const uint8_t *)key; *p; p++) {
    if (*p <= ' ' || *p == 0x7f || *p == '%')
      LAM_TRY(put_numbers(out, error, "%%%02X", *p));
    else
      LAM_TRY(lam_buf_append(out, p, 1, error));
  }
  return LAM_OK;
}

static enum lam_status put_end(struct lam_buf *out, struct lam_error *error) {
  return put_numbers(out, error, "end %08" PRIx32 "\n", lam_crc32(0, out->data, out->size));
}

static bool has_hash(const struct lam_journal *journal, const struct lam_journal_file *file) {
  return journal->table && file->action == LAM_JOURNAL_REMOVE;
}

static enum lam_status put_directory(struct lam_buf *out, const struct lam_journal *journal,
                                     const struct lam_journal_directory *directory, struct lam_error *error) {
  LAM_TRY(put_numbers(out, error, "directory %s", how_names[directory->how]));
  LAM_TRY(put_key(out, directory->key, error));
  LAM_TRY(put_key(out, directory->staged, error));
  LAM_TRY(put_numbers(out, error, " %" PRIu64 " %" PRIu64 "\n", directory->old_inode, directory->new_inode));
  for (size_t i = 0; i < directory->file_count; i++) {
    const struct lam_journal_file *file = &directory->files[i];
    LAM_TRY(put(out, action_names[file->action], error));
    LAM_TRY(put_key(out, file->name, error));
    LAM_TRY(put_numbers(out, error, " %" PRIu64 " %" PRIu64 " %" PRId64, file->identity.inode, file->identity.size,
                        file->identity.mtime_ns));
    if (has_hash(journal, file)) LAM_TRY(put_numbers(out, error, " %" PRIu64, file->hash));
    LAM_TRY(put(out, "\n", error));
  }
  return LAM_OK;
}

enum lam_status lam_journal_encode(const struct lam_journal *journal, struct lam_buf *out, struct lam_error *error) {
  out->size = 0;
  LAM_TRY(put_numbers(out, error, JOURNAL_TITLE "\nsequence %" PRIu64 "\ntime %" PRId64 "\nchange", journal->sequence,
                      journal->time));
  LAM_TRY(put_key(out, journal->change, error));
  LAM_TRY(put(out, "\n", error));
  if (journal->table) {
    LAM_TRY(put(out, "table", error));
    LAM_TRY(put_key(out, journal->table, error));
    LAM_TRY(put_key(out, journal->state, error));
    LAM_TRY(put(out, "\n", error));
  }
  for (size_t i = 0; i < journal->directory_count; i++)
    LAM_TRY(put_directory(out, journal, &journal->directories[i], error));
  return put_end(out, error);
}

enum lam_status lam_head_encode(const struct lam_head *head, struct lam_buf *out, struct lam_error *error) {
  out->size = 0;
  LAM_TRY(put_numbers(out, error, HEAD_TITLE "\nsequence %" PRIu64 "\n", head->sequence));
  for (size_t i = 0; i < head->retired_count; i++)
    LAM_TRY(
        put_numbers(out, error, "retired %" PRIu64 " %" PRId64 "\n", head->retired[i].sequence, head->retired[i].time));
  for (size_t i = 0; i < head->file_count; i++) {
    const struct lam_head_file *file = &head->files[i];
    LAM_TRY(put(out, file->open ? "appending" : "appended", error));
    LAM_TRY(put_key(out, file->key, error));
    LAM_TRY(put_numbers(out, error, " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRIu64 "\n", file->identity.inode,
                        file->identity.size, file->identity.mtime_ns, file->open ? file->footer : file->gone));
  }
  return put_end(out, error);
}

/* ---- reading ---- */

struct parser {
  struct lam_arena *arena;
  const char *next, *end;
  uint64_t line; /* of the line in `fields`, from 1 */
  char *fields[MOST_FIELDS];
  size_t count;
};

/* Splits the next line at single spaces. */
static enum lam_status next_line(struct parser *parser, struct lam_error *error) {
  parser->line++;
  const char *newline =
      parser->next < parser->end ? memchr(parser->next, '\n', (size_t)(parser->end - parser->next)) : NULL;
  LAM_CHECK(newline, error, "line %" PRIu64 " is cut off", parser->line);
  char *text;
  LAM_TRY(lam_arena_string(parser->arena, lam_bytes_of(parser->next, (size_t)(newline - parser->next)), &text, error));
  LAM_CHECK(strlen(text) == (size_t)(newline - parser->next), error, "line %" PRIu64 " has a zero byte", parser->line);
  parser->next = newline + 1;
  parser->count = 0;
  for (char *field = text; field;) {
    LAM_CHECK(parser->count < MOST_FIELDS, error, "line %" PRIu64 " has more than %d fields", parser->line,
              MOST_FIELDS);
    parser->fields[parser->count++] = field;
    field = strchr(field, ' ');
    if (field) *field++ = 0;
  }
  return LAM_OK;
}

static enum lam_status expect(const struct parser *parser, const char *word, size_t count, struct lam_error *error) {
  LAM_CHECK(parser->count == count && strcmp(parser->fields[0], word) == 0, error,
            "line %" PRIu64 " is not '%s' with %zu fields", parser->line, word, count);
  return LAM_OK;
}

static enum lam_status parse_u64(const struct parser *parser, size_t field, uint64_t *out, struct lam_error *error) {
  const char *text = parser->fields[field];
  uint64_t value = 0;
  bool fine = *text != 0;
  for (; *text; text++) {
    fine = fine && *text >= '0' && *text <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
           !__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value);
  }
  LAM_CHECK(fine, error, "field %zu of line %" PRIu64 " is '%s', not a number", field + 1, parser->line,
            parser->fields[field]);
  *out = value;
  return LAM_OK;
}

static enum lam_status parse_i64(const struct parser *parser, size_t field, int64_t *out, struct lam_error *error) {
  struct parser unsigned_field = *parser;
  bool negative = parser->fields[field][0] == '-';
  unsigned_field.fields[field] += negative;
  uint64_t value = 0;
  LAM_TRY(parse_u64(&unsigned_field, field, &value, error));
  LAM_CHECK(value <= INT64_MAX, error, "field %zu of line %" PRIu64 " is out of range", field + 1, parser->line);
  *out = negative ? -(int64_t)value : (int64_t)value;
  return LAM_OK;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Any path: its escapes are undone in place. */
static enum lam_status parse_path(const struct parser *parser, size_t field, const char **out,
                                  struct lam_error *error) {
  char *text = parser->fields[field], *to = text;
  *out = text;
  for (const char *p = text; *p; p++) {
    int high = *p == '%' ? hex_digit(p[1]) : 0, low = *p == '%' && high >= 0 ? hex_digit(p[2]) : 0;
    LAM_CHECK(high >= 0 && low >= 0 && (*p != '%' || high + low > 0), error, "line %" PRIu64 " has a bad escape",
              parser->line);
    if (*p == '%') {
      *to++ = (char)(high * 16 + low);
      p += 2;
    } else {
      *to++ = *p;
    }
  }
  *to = 0;
  return LAM_OK;
}

/* A key, checked to stay inside its store: this is what confines a journal to the table. */
static enum lam_status parse_key(const struct parser *parser, size_t field, bool root_allowed, const char **out,
                                 struct lam_error *error) {
  char *text = parser->fields[field];
  if (root_allowed && strcmp(text, ".") == 0) {
    *text = 0;
    *out = text;
    return LAM_OK;
  }
  LAM_TRY(parse_path(parser, field, out, error));
  LAM_CHECK(*text && lam_key_check(text, NULL) == LAM_OK, error,
            "line %" PRIu64 " has '%s', which is not a path inside the table", parser->line, text);
  return LAM_OK;
}

/* Cuts off the last line, "end <sum>", and checks the sum of what is before it. */
static enum lam_status open_text(struct parser *parser, struct lam_bytes text, const char *title,
                                 struct lam_error *error) {
  enum { END = 13 }; /* "end " + 8 digits + newline */
  char sum[END + 1] = "";
  LAM_CHECK(text.size > END, error, "it has %zu bytes, too few", text.size);
  size_t body = text.size - END;
  snprintf(sum, sizeof sum, "end %08" PRIx32 "\n", lam_crc32(0, text.data, body));
  LAM_CHECK(memcmp(text.data + body, sum, END) == 0, error, "its checksum is '%.12s', expected '%.12s'",
            (const char *)text.data + body, sum);
  parser->next = (const char *)text.data;
  parser->end = parser->next + body;
  size_t length = strlen(title);
  LAM_CHECK(body > length && memcmp(parser->next, title, length) == 0 && parser->next[length] == '\n', error,
            "its first line is not '%s'; it may be of a newer version", title);
  parser->next += length + 1;
  parser->line = 1;
  return LAM_OK;
}

static int find_name(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(names[i], name) == 0) return (int)i;
  }
  return -1;
}

static enum lam_status parse_directory(struct parser *parser, struct lam_journal_directory *out,
                                       struct lam_error *error) {
  int how = find_name(how_names, 3, parser->fields[1]);
  LAM_CHECK(how >= 0, error, "line %" PRIu64 " has '%s', not exchange, new or files", parser->line, parser->fields[1]);
  out->how = (enum lam_journal_how)how;
  LAM_TRY(parse_key(parser, 2, true, &out->key, error));
  LAM_TRY(parse_key(parser, 3, false, &out->staged, error));
  LAM_TRY(parse_u64(parser, 4, &out->old_inode, error));
  LAM_TRY(parse_u64(parser, 5, &out->new_inode, error));
  LAM_CHECK(strncmp(out->staged, "stage/", 6) == 0 && (*out->key || how == LAM_JOURNAL_FILES), error,
            "line %" PRIu64 " swaps '%s' with '%s'", parser->line, out->key, out->staged);
  return LAM_OK;
}

static enum lam_status parse_file(const struct parser *parser, const struct lam_journal *journal,
                                  struct lam_journal_file *out, struct lam_error *error) {
  int action = find_name(action_names, 4, parser->fields[0]);
  *out = (struct lam_journal_file){.action = (enum lam_journal_action)action};
  LAM_CHECK(action >= 0 && parser->count == (has_hash(journal, out) ? 6 : 5), error,
            "line %" PRIu64 " begins with '%s' and has %zu fields", parser->line, parser->fields[0], parser->count);
  if (has_hash(journal, out)) LAM_TRY(parse_u64(parser, 5, &out->hash, error));
  LAM_TRY(parse_key(parser, 1, false, &out->name, error));
  LAM_CHECK(!strchr(out->name, '/'), error, "line %" PRIu64 " has '%s', not the name of a file", parser->line,
            out->name);
  LAM_TRY(parse_u64(parser, 2, &out->identity.inode, error));
  LAM_TRY(parse_u64(parser, 3, &out->identity.size, error));
  return parse_i64(parser, 4, &out->identity.mtime_ns, error);
}

static enum lam_status decode_journal(struct parser *parser, struct lam_bytes text, struct lam_journal *out,
                                      struct lam_error *error) {
  LAM_TRY(open_text(parser, text, JOURNAL_TITLE, error));
  LAM_TRY(next_line(parser, error));
  LAM_TRY(expect(parser, "sequence", 2, error));
  LAM_TRY(parse_u64(parser, 1, &out->sequence, error));
  LAM_TRY(next_line(parser, error));
  LAM_TRY(expect(parser, "time", 2, error));
  LAM_TRY(parse_i64(parser, 1, &out->time, error));
  LAM_TRY(next_line(parser, error));
  LAM_TRY(expect(parser, "change", 2, error));
  LAM_TRY(parse_key(parser, 1, false, &out->change, error));

  size_t directory_room = 0, file_room = 0;
  struct lam_journal_directory *directory = NULL;
  while (parser->next < parser->end) {
    LAM_TRY(next_line(parser, error));
    if (strcmp(parser->fields[0], "directory") == 0) {
      LAM_TRY(expect(parser, "directory", 6, error));
      void *items = out->directories;
      LAM_TRY(lam_vector_grow(parser->arena, &items, out->directory_count, &directory_room, sizeof *directory, error));
      out->directories = items;
      directory = &out->directories[out->directory_count++];
      file_room = 0;
      LAM_TRY(parse_directory(parser, directory, error));
      continue;
    }
    if (strcmp(parser->fields[0], "table") == 0 && !directory && !out->table) {
      LAM_TRY(expect(parser, "table", 3, error));
      LAM_TRY(parse_path(parser, 1, &out->table, error));
      LAM_TRY(parse_path(parser, 2, &out->state, error));
      continue;
    }
    LAM_CHECK(directory, error, "line %" PRIu64 " has a file before any directory", parser->line);
    void *items = directory->files;
    LAM_TRY(lam_vector_grow(parser->arena, &items, directory->file_count, &file_room, sizeof *directory->files, error));
    directory->files = items;
    LAM_TRY(parse_file(parser, out, &directory->files[directory->file_count++], error));
  }
  return LAM_OK;
}

enum lam_status lam_journal_decode(struct lam_bytes text, struct lam_mem *mem, struct lam_journal *out,
                                   struct lam_error *error) {
  *out = (struct lam_journal){0};
  lam_arena_init(&out->arena, mem);
  struct parser parser = {.arena = &out->arena};
  enum lam_status status = decode_journal(&parser, text, out, error);
  if (status != LAM_OK) lam_journal_release(out);
  return status;
}

static enum lam_status parse_retired(struct parser *parser, struct lam_head *head, size_t *room,
                                     struct lam_error *error) {
  LAM_TRY(expect(parser, "retired", 3, error));
  void *items = head->retired;
  LAM_TRY(lam_vector_grow(parser->arena, &items, head->retired_count, room, sizeof *head->retired, error));
  head->retired = items;
  struct lam_head_retired *retired = &head->retired[head->retired_count++];
  LAM_TRY(parse_u64(parser, 1, &retired->sequence, error));
  return parse_i64(parser, 2, &retired->time, error);
}

static enum lam_status parse_head_file(struct parser *parser, struct lam_head *head, struct lam_error *error) {
  struct lam_head_file file = {.open = strcmp(parser->fields[0], "appending") == 0};
  uint64_t last = 0;
  LAM_TRY(expect(parser, file.open ? "appending" : "appended", 6, error));
  LAM_TRY(parse_key(parser, 1, false, &file.key, error));
  LAM_TRY(parse_u64(parser, 2, &file.identity.inode, error));
  LAM_TRY(parse_u64(parser, 3, &file.identity.size, error));
  LAM_TRY(parse_i64(parser, 4, &file.identity.mtime_ns, error));
  LAM_TRY(parse_u64(parser, 5, &last, error));
  LAM_CHECK(!file.open || last <= UINT32_MAX, error, "field 6 of line %" PRIu64 " is out of range", parser->line);
  file.footer = file.open ? (uint32_t)last : 0;
  file.gone = file.open ? 0 : last;
  return lam_head_add(head, file, error);
}

static enum lam_status decode_head(struct parser *parser, struct lam_bytes text, struct lam_head *out,
                                   struct lam_error *error) {
  LAM_TRY(open_text(parser, text, HEAD_TITLE, error));
  LAM_TRY(next_line(parser, error));
  LAM_TRY(expect(parser, "sequence", 2, error));
  LAM_TRY(parse_u64(parser, 1, &out->sequence, error));
  size_t room = 0;
  while (parser->next < parser->end) {
    LAM_TRY(next_line(parser, error));
    bool file = strncmp(parser->fields[0], "append", 6) == 0;
    LAM_TRY(file ? parse_head_file(parser, out, error) : parse_retired(parser, out, &room, error));
  }
  out->sum = lam_crc32(0, text.data, text.size);
  return LAM_OK;
}

static enum lam_status head_decode(struct lam_bytes text, struct lam_mem *mem, struct lam_head *out,
                                   struct lam_error *error) {
  *out = (struct lam_head){0};
  lam_arena_init(&out->arena, mem);
  struct parser parser = {.arena = &out->arena};
  enum lam_status status = decode_head(&parser, text, out, error);
  if (status != LAM_OK) lam_head_release(out);
  return status;
}

/* ---- files ---- */

enum lam_status lam_journal_read_at(struct lam_store *store, const char *key, struct lam_mem *mem, bool *there,
                                    struct lam_journal *out, struct lam_error *error) {
  *out = (struct lam_journal){0};
  lam_arena_init(&out->arena, mem);
  struct lam_buf text;
  lam_buf_init(&text, mem);
  enum lam_status status = lam_store_get(store, key, LARGEST_TEXT, &text, error);
  *there = status == LAM_OK;
  if (status == LAM_NOT_FOUND) status = LAM_OK;
  if (*there) status = lam_journal_decode(lam_bytes_of(text.data, text.size), mem, out, error);
  lam_buf_release(&text);
  return status;
}

enum lam_status lam_journal_read(struct lam_store *meta, struct lam_mem *mem, bool *there, struct lam_journal *out,
                                 struct lam_error *error) {
  enum lam_status status = lam_journal_read_at(meta, LAM_JOURNAL_KEY, mem, there, out, error);
  if (*there && status == LAM_CORRUPT)
    lam_fail_in(error, status,
                "the journal '%s/" LAM_JOURNAL_KEY
                "' is damaged, so the commit that it describes can be neither finished nor undone by itself: put a "
                "good copy back, or move it away and check the table, in which some partitions may still have their "
                "old files (replaced ones are in '%s/retired', new ones in '%s/stage')",
                meta->root, meta->root, meta->root);
  return status;
}

enum lam_status lam_head_read(struct lam_store *meta, struct lam_mem *mem, bool *there, struct lam_head *out,
                              struct lam_error *error) {
  *out = (struct lam_head){0};
  lam_arena_init(&out->arena, mem);
  struct lam_buf text;
  lam_buf_init(&text, mem);
  enum lam_status status = lam_store_get(meta, LAM_HEAD_KEY, LARGEST_TEXT, &text, error);
  *there = status == LAM_OK;
  if (status == LAM_NOT_FOUND) status = LAM_OK;
  if (*there) {
    status = head_decode(lam_bytes_of(text.data, text.size), mem, out, error);
    if (status == LAM_CORRUPT)
      lam_fail_in(error, status,
                  "the file '%s/" LAM_HEAD_KEY "' is damaged; put a good copy back, or remove it, and '%s/" LAM_PACK_KEY
                  "' with it, which relies on it (sequence numbers are then taken from '%s/retired')",
                  meta->root, meta->root, meta->root);
  }
  lam_buf_release(&text);
  return status;
}

enum lam_status lam_retired_key(struct lam_arena *arena, uint64_t sequence, const char *key, char **out,
                                struct lam_error *error) {
  char folder[48];
  snprintf(folder, sizeof folder, "retired/%" PRIu64, sequence);
  return lam_key_join_cut(arena, folder, key, ".retired", out, error);
}
