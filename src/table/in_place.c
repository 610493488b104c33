#include "table/in_place.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/checksum.h"
#include "base/context.h"
#include "table/sweep.h"

enum {
  WINDOW = 1 << 20, /* bytes that are read and written at once */
  FOOTER_END = 8,   /* the footer's length and the magic */
};

static struct lam_head_file *find_line(const struct lam_head *head, const char *key) {
  for (size_t i = 0; i < head->file_count; i++)
    if (!head->files[i].gone && strcmp(head->files[i].key, key) == 0) return &head->files[i];
  return NULL;
}

/* Whether the object may be the line's file with bytes behind, of which nothing is known yet. */
static bool may_be_grown(const struct lam_head_file *line, struct lam_identity found) {
  return line->open && found.inode == line->identity.inode && found.size >= line->identity.size;
}

/* ---- footers ---- */

/* Where the footer begins of a file that ends at `size`. False where no footer can be there. */
static enum lam_status footer_of(struct lam_input *input, uint64_t size, uint64_t *begin, bool *there,
                                 struct lam_error *error) {
  uint8_t end[FOOTER_END];
  *there = false;
  if (size < FOOTER_END) return LAM_OK;
  LAM_TRY(input->store->ops->read(input, size - FOOTER_END, end, sizeof end, error));
  uint64_t length = lam_load32(end) + (uint64_t)FOOTER_END;
  *there = length <= size && memcmp(end + 4, "PAR1", 4) == 0;
  *begin = size - length;
  return LAM_OK;
}

/* Bytes [from, end) of an object: to an output, where there is one, and into the sum. A cancel stops the copying of
 * staged bytes; footers are what mends a file, which a cancelled writer does too. */
static enum lam_status pass_bytes(struct lam_input *input, uint64_t from, uint64_t end, struct lam_output *output,
                                  bool stoppable, uint32_t *sum, struct lam_mem *mem, struct lam_error *error) {
  struct lam_buf window;
  lam_buf_init(&window, mem);
  enum lam_status status = lam_buf_reserve(&window, (size_t)lam_min_u64(end - from, WINDOW), error);
  *sum = 0;
  while (status == LAM_OK && from < end) {
    size_t some = (size_t)lam_min_u64(end - from, WINDOW);
    if (stoppable) status = lam_check_cancel(input->store->context, error);
    if (status == LAM_OK) status = input->store->ops->read(input, from, window.data, some, error);
    if (status == LAM_OK) *sum = lam_crc32(*sum, window.data, some);
    if (status == LAM_OK && output) status = output->store->ops->write(output, window.data, some, error);
    from += some;
  }
  lam_buf_release(&window);
  return status;
}

/* Whether the bytes before `line`'s committed end are still its footer. */
static enum lam_status has_footer(struct lam_input *input, const struct lam_head_file *line, uint64_t *begin, bool *out,
                                  struct lam_mem *mem, struct lam_error *error) {
  uint32_t sum;
  LAM_TRY(footer_of(input, line->identity.size, begin, out, error));
  if (!*out) return LAM_OK;
  LAM_TRY(pass_bytes(input, *begin, line->identity.size, NULL, false, &sum, mem, error));
  *out = sum == line->footer;
  return LAM_OK;
}

/* ---- readers ---- */

static int compare_texts(const char *a, size_t a_size, const char *b, size_t b_size) {
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* The file of that key; NULL where the snapshot has none. */
static struct lam_data_file *find_file(const struct lam_snapshot *snapshot, const char *key) {
  const char *name = lam_key_name(key);
  size_t size = name == key ? 0 : (size_t)(name - key - 1), low = 0, high = snapshot->partition_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const char *directory = snapshot->partitions[middle].directory;
    int order = compare_texts(directory, strlen(directory), key, size);
    if (order == 0) {
      low = snapshot->partitions[middle].first_file;
      high = low + snapshot->partitions[middle].file_count;
      break;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(snapshot->files[middle].key, key);
    if (order == 0) return &snapshot->files[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* The file's committed state, where it is one of ours still: else it is what it is. */
static enum lam_status view_grown(struct lam_store *data, const struct lam_head_file *line, struct lam_identity *out,
                                  struct lam_mem *mem, struct lam_error *error) {
  struct lam_input *input;
  uint64_t begin;
  bool fine;
  enum lam_status status = data->ops->open(data, line->key, &input, NULL, error);
  if (status == LAM_NOT_FOUND) return LAM_OK;
  LAM_TRY(status);
  status = has_footer(input, line, &begin, &fine, mem, error);
  data->ops->close_input(input);
  if (status == LAM_OK && fine) *out = line->identity;
  return status == LAM_CORRUPT ? LAM_OK : status; /* cut short since it was listed */
}

/* The state of a file that the journal appends to, or NULL. */
static const struct lam_journal_file *find_append(const struct lam_journal *journal, const char *key) {
  const char *name = lam_key_name(key);
  size_t size = name == key ? 0 : (size_t)(name - key - 1);
  for (size_t i = 0; journal && i < journal->directory_count; i++) {
    const struct lam_journal_directory *directory = &journal->directories[i];
    if (strncmp(directory->key, key, size) != 0 || directory->key[size] != 0) continue;
    for (size_t j = 0; j < directory->file_count; j++)
      if (directory->files[j].action == LAM_JOURNAL_APPEND && strcmp(directory->files[j].name, name) == 0)
        return &directory->files[j];
  }
  return NULL;
}

static enum lam_status view_line(struct lam_store *data, const struct lam_head_file *line,
                                 const struct lam_journal_file *append, struct lam_data_file *file, struct lam_mem *mem,
                                 struct lam_error *error) {
  if (file->packed) { /* a pack knows nothing of appends, which leave the directory as it was */
    struct lam_object_info info;
    bool there;
    LAM_TRY(lam_stat(data, file->key, &there, &info, error));
    if (there) file->identity = lam_identity_of(&info);
    file->packed = 0;
  }
  if (append || !may_be_grown(line, file->identity)) return LAM_OK; /* what the journal appends is there */
  return view_grown(data, line, &file->identity, mem, error);
}

enum lam_status lam_in_place_view(struct lam_store *data, const struct lam_head *head,
                                  const struct lam_journal *journal, struct lam_snapshot *snapshot,
                                  struct lam_error *error) {
  for (size_t i = 0; i < head->file_count; i++) {
    const struct lam_head_file *line = &head->files[i];
    struct lam_data_file *file = line->gone ? NULL : find_file(snapshot, line->key);
    if (!file || file->staged) continue;
    file->appended = true;
    if (lam_identity_equal(file->identity, line->identity)) continue;
    snapshot->bytes -= file->identity.size;
    LAM_TRY(view_line(data, line, find_append(journal, line->key), file, snapshot->arena.mem, error));
    snapshot->bytes += file->identity.size;
  }
  return LAM_OK;
}

bool lam_in_place_has(const struct lam_head *head, const struct lam_journal *journal, const char *key,
                      const struct lam_object_info *info, struct lam_identity wanted) {
  struct lam_identity is = lam_identity_of(info);
  if (is.inode != wanted.inode || is.size < wanted.size) return false;
  const struct lam_journal_file *append = find_append(journal, key);
  if (append && append->identity.inode == is.inode && wanted.size <= append->identity.size &&
      append->identity.size <= is.size)
    return true;
  for (size_t i = 0; i < head->file_count; i++) {
    const struct lam_head_file *line = &head->files[i];
    if (strcmp(line->key, key) != 0 || wanted.size > line->identity.size) continue;
    if (lam_identity_equal(line->identity, is) || may_be_grown(line, is)) return true;
  }
  return false;
}

/* ---- appending ---- */

static enum lam_status changed_since(const struct lam_directory *directory, const char *key, struct lam_error *error) {
  return lam_fail(error, LAM_CONFLICT, "%s/%s was changed by another program while it was to be appended to",
                  directory->data->root, key);
}

static enum lam_status open_line(struct lam_directory *directory, const struct lam_change_tail *append,
                                 struct lam_head *head, struct lam_error *error) {
  struct lam_store *data = directory->data;
  struct lam_input *input;
  struct lam_object_info info;
  struct lam_head_file file = {.identity = append->identity, .open = true};
  uint64_t begin = 0;
  bool there = false;
  LAM_TRY(data->ops->open(data, append->key, &input, &info, error));
  enum lam_status status = lam_identity_equal(lam_identity_of(&info), append->identity)
                               ? footer_of(input, info.size, &begin, &there, error)
                               : changed_since(directory, append->key, error);
  if (status == LAM_OK && !there)
    status = lam_fail(error, LAM_CORRUPT, "%s/%s: it ends without a footer", data->root, append->key);
  if (status == LAM_OK) status = pass_bytes(input, begin, info.size, NULL, false, &file.footer, directory->mem, error);
  data->ops->close_input(input);
  LAM_TRY(status);
  struct lam_head_file *line = find_line(head, append->key);
  char *key;
  LAM_TRY(lam_arena_string(&head->arena, lam_bytes_of_string(append->key), &key, error));
  file.key = key;
  if (!line) return lam_head_add(head, file, error);
  *line = file;
  return LAM_OK;
}

enum lam_status lam_in_place_begin(struct lam_directory *directory, const struct lam_change *change,
                                   struct lam_head *head, struct lam_error *error) {
  for (size_t i = 0; i < change->tail_count; i++) LAM_TRY(open_line(directory, &change->tails[i], head, error));
  return lam_head_write(directory, head, error);
}

/* Where the bytes that are appended come from. */
struct sources {
  const struct lam_change_tail *append;
  struct lam_input *staged, *file;
  uint64_t staged_size, size; /* of what is staged; of all that is appended */
};

/* Bytes of the file itself do not pass through this process where the system can copy them. */
static enum lam_status append_spans(struct lam_directory *directory, const struct sources *from,
                                    struct lam_output *output, struct lam_error *error) {
  uint64_t at = 0; /* in what is staged */
  uint32_t sum;
  for (size_t i = 0; i < from->append->span_count; i++) {
    const struct lam_span *span = &from->append->spans[i];
    if (span->offset != LAM_SPAN_NEW) {
      LAM_TRY(lam_store_copy(output, from->file, span->offset, span->size, directory->mem, error));
      continue;
    }
    LAM_TRY(pass_bytes(from->staged, at, at + span->size, output, true, &sum, directory->mem, error));
    at += span->size;
  }
  return pass_bytes(from->staged, at, from->staged_size, output, true, &sum, directory->mem, error);
}

static enum lam_status append_bytes(struct lam_directory *directory, const struct sources *from,
                                    struct lam_error *error) {
  struct lam_store *data = directory->data;
  struct lam_output *output;
  struct lam_object_info info;
  LAM_TRY(data->ops->append(data, from->append->key, &output, &info, error));
  if (data->ops->expect_sync) data->ops->expect_sync(output, from->size);
  enum lam_status status = lam_identity_equal(lam_identity_of(&info), from->append->identity)
                               ? append_spans(directory, from, output, error)
                               : changed_since(directory, from->append->key, error);
  enum lam_status closed = data->ops->close_output(output, status == LAM_OK ? error : NULL);
  return status == LAM_OK ? closed : status;
}

static enum lam_status open_sources(struct lam_directory *directory, const struct lam_change_tail *append,
                                    struct sources *out, struct lam_error *error) {
  struct lam_store *meta = directory->meta, *data = directory->data;
  struct lam_object_info info;
  *out = (struct sources){.append = append};
  LAM_TRY(meta->ops->open(meta, append->staged, &out->staged, &info, error));
  out->staged_size = out->size = info.size;
  for (size_t i = 0; i < append->span_count; i++)
    if (append->spans[i].offset != LAM_SPAN_NEW) out->size += append->spans[i].size;
  if (out->size == info.size) return LAM_OK;
  return data->ops->open(data, append->key, &out->file, &info, error);
}

static void close_sources(struct sources *sources) {
  if (sources->staged) sources->staged->store->ops->close_input(sources->staged);
  if (sources->file) sources->file->store->ops->close_input(sources->file);
}

static enum lam_status append_one(struct lam_directory *directory, const struct lam_change_tail *append,
                                  struct lam_journal_file *file, struct lam_error *error) {
  struct lam_object_info info;
  struct sources sources;
  enum lam_status status = open_sources(directory, append, &sources, error);
  if (status == LAM_OK) status = append_bytes(directory, &sources, error);
  close_sources(&sources);
  LAM_TRY(status);
  uint64_t size = append->identity.size + sources.size;
  LAM_TRY(directory->data->ops->stat(directory->data, append->key, &info, error));
  file->identity = lam_identity_of(&info);
  bool fine = info.size == size && info.inode == append->identity.inode;
  return fine ? LAM_OK : changed_since(directory, append->key, error);
}

enum lam_status lam_in_place_write(struct lam_directory *directory, const struct lam_change *change,
                                   struct lam_journal *journal, struct lam_error *error) {
  for (size_t i = 0; i < change->tail_count; i++) {
    const struct lam_change_tail *append = &change->tails[i];
    struct lam_journal_file *file = (struct lam_journal_file *)find_append(journal, append->key);
    enum lam_status status = append_one(directory, append, file, error);
    if (status != LAM_OK) return lam_fail_in(error, status, "appending to '%s/%s'", directory->data->root, append->key);
  }
  return LAM_OK;
}

static enum lam_status expand(struct lam_arena *arena, const struct lam_head *head,
                              struct lam_journal_directory *directory, struct lam_error *error) {
  const struct lam_journal_file *from = directory->files;
  size_t count = directory->file_count;
  void *memory;
  LAM_TRY(lam_arena_array(arena, 2 * count, sizeof *from, &memory, error));
  struct lam_journal_file *to = directory->files = memory;
  for (size_t i = 0; i < count; i++) {
    *to = from[i];
    if (from[i].action == LAM_JOURNAL_APPEND) {
      char *key;
      LAM_TRY(lam_key_join(arena, directory->key, from[i].name, "", &key, error));
      const struct lam_head_file *line = find_line(head, key);
      assert(line);
      to->action = LAM_JOURNAL_REMOVE;
      to->identity = line->identity;
      *++to = from[i];
      to->action = LAM_JOURNAL_ADD;
    }
    to++;
  }
  directory->file_count = (size_t)(to - directory->files);
  return LAM_OK;
}

enum lam_status lam_in_place_manifest(struct lam_journal *journal, const struct lam_head *head, struct lam_journal *out,
                                      struct lam_error *error) {
  void *memory;
  *out = *journal;
  LAM_TRY(lam_arena_array(&journal->arena, out->directory_count, sizeof *out->directories, &memory, error));
  lam_copy(memory, out->directories, out->directory_count * sizeof *out->directories);
  out->directories = memory;
  for (size_t i = 0; i < out->directory_count; i++) LAM_TRY(expand(&journal->arena, head, &out->directories[i], error));
  return LAM_OK;
}

/* ---- mending ---- */

/* Puts the committed footer behind what is there. */
static enum lam_status restate_footer(struct lam_directory *directory, const struct lam_head_file *line,
                                      struct lam_input *input, uint64_t begin, struct lam_error *error) {
  struct lam_store *data = directory->data;
  struct lam_output *output;
  uint32_t sum;
  LAM_TRY(data->ops->append(data, line->key, &output, NULL, error));
  enum lam_status status = pass_bytes(input, begin, line->identity.size, output, false, &sum, directory->mem, error);
  if (status == LAM_OK) status = data->ops->sync(output, error);
  enum lam_status closed = data->ops->close_output(output, status == LAM_OK ? error : NULL);
  if (status == LAM_OK) status = closed;
  if (status == LAM_OK)
    lam_log(directory->context, LAM_LOG_WARN,
            "an append to '%s/%s' was not finished: its %" PRIu64 " bytes of before are what it has again", data->root,
            line->key, line->identity.size);
  return status;
}

/* *mine is false where others have written the file since, whose it is now. */
static enum lam_status mend_line(struct lam_directory *directory, struct lam_head_file *line, bool *mine,
                                 struct lam_error *error) {
  struct lam_store *data = directory->data;
  struct lam_input *input;
  struct lam_object_info info;
  uint64_t begin;
  *mine = false;
  enum lam_status status = data->ops->open(data, line->key, &input, &info, error);
  if (status == LAM_NOT_FOUND || status == LAM_INVALID) return LAM_OK;
  LAM_TRY(status);
  if (may_be_grown(line, lam_identity_of(&info))) status = has_footer(input, line, &begin, mine, directory->mem, error);
  if (status == LAM_OK && *mine && info.size > line->identity.size)
    status = restate_footer(directory, line, input, begin, error);
  data->ops->close_input(input);
  if (status != LAM_OK || !*mine) return status;
  LAM_TRY(data->ops->stat(data, line->key, &info, error));
  line->identity = lam_identity_of(&info);
  line->open = false;
  return LAM_OK;
}

bool lam_in_place_torn(const struct lam_head *head) {
  for (size_t i = 0; i < head->file_count; i++)
    if (head->files[i].open) return true;
  return false;
}

enum lam_status lam_in_place_mend(struct lam_directory *directory, struct lam_head *head, bool *changed,
                                  struct lam_error *error) {
  size_t kept = 0;
  enum lam_status status = LAM_OK;
  *changed = false;
  for (size_t i = 0; i < head->file_count; i++) {
    struct lam_head_file line = head->files[i];
    bool mine = true;
    if (line.open && status == LAM_OK) {
      status = mend_line(directory, &line, &mine, error);
      mine = mine || status != LAM_OK;
      *changed = true;
    }
    if (mine) head->files[kept++] = line;
  }
  head->file_count = kept;
  return lam_fail_in(error, status, "while an append that was not finished was taken back");
}

/* ---- lines ---- */

static enum lam_status note_file(struct lam_head *head, const struct lam_journal *journal, const char *key,
                                 const struct lam_journal_file *file, struct lam_error *error) {
  struct lam_head_file *line = find_line(head, key);
  if (file->action == LAM_JOURNAL_REMOVE) {
    if (line && line->identity.inode == file->identity.inode) line->gone = journal->sequence, line->open = false;
    return LAM_OK;
  }
  struct lam_head_file now = {.key = key, .identity = file->identity};
  char *copy;
  LAM_TRY(lam_arena_string(&head->arena, lam_bytes_of_string(key), &copy, error));
  now.key = copy;
  if (!line) return lam_head_add(head, now, error);
  *line = now;
  return LAM_OK;
}

enum lam_status lam_in_place_note(struct lam_head *head, const struct lam_journal *journal, struct lam_error *error) {
  struct lam_arena arena;
  enum lam_status status = LAM_OK;
  lam_arena_init(&arena, head->arena.mem);
  for (size_t i = 0; i < journal->directory_count; i++) {
    const struct lam_journal_directory *directory = &journal->directories[i];
    for (size_t j = 0; status == LAM_OK && j < directory->file_count; j++) {
      const struct lam_journal_file *file = &directory->files[j];
      char *key = NULL;
      bool removed = file->action == LAM_JOURNAL_REMOVE && head->file_count > 0;
      if (file->action != LAM_JOURNAL_APPEND && !removed) continue;
      status = lam_key_join(&arena, directory->key, file->name, "", &key, error);
      if (status == LAM_OK) status = note_file(head, journal, key, file, error);
    }
  }
  lam_arena_release(&arena);
  return status;
}

static bool is_needed(struct lam_directory *directory, const struct lam_head *head, const struct lam_head_file *line) {
  struct lam_object_info info;
  if (line->open) return true;
  for (size_t i = 0; line->gone && i < head->retired_count; i++)
    if (head->retired[i].sequence == line->gone) return true;
  if (line->gone) return false;
  enum lam_status status = directory->data->ops->stat(directory->data, line->key, &info, NULL);
  if (status == LAM_NOT_FOUND) return false;
  return status != LAM_OK || lam_identity_equal(lam_identity_of(&info), line->identity);
}

void lam_in_place_drop(struct lam_directory *directory, struct lam_head *head) {
  size_t kept = 0;
  for (size_t i = 0; i < head->file_count; i++)
    if (is_needed(directory, head, &head->files[i])) head->files[kept++] = head->files[i];
  head->file_count = kept;
}
