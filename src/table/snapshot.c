#include "table/snapshot.h"

#include <assert.h>
#include <stdio.h>

#include "base/context.h"
#include "table/in_place.h"
#include "table/sidecars.h"
#include "table/walk.h"

enum { LISTINGS = 32 }; /* tries to list the table between two commits of others */

/* ---- the state that a listing is of ---- */

/* Head and journal as they were at one moment. While a table is listed they must not change. */
struct state {
  uint64_t sequence;
  bool applying;
  struct lam_journal journal;
  struct lam_head head;
};

static void release_state(struct state *state) {
  lam_journal_release(&state->journal);
  lam_head_release(&state->head);
}

static enum lam_status read_state(struct lam_directory *directory, struct state *out, struct lam_error *error) {
  *out = (struct state){0};
  lam_arena_init(&out->journal.arena, directory->mem);
  lam_arena_init(&out->head.arena, directory->mem);
  if (!directory->meta) return LAM_OK;
  bool there;
  LAM_TRY(lam_journal_read(directory->meta, directory->mem, &out->applying, &out->journal, error));
  LAM_TRY(lam_head_read(directory->meta, directory->mem, &there, &out->head, error));
  /* The head is written once the journal is applied. */
  if (out->applying && there && out->head.sequence >= out->journal.sequence) out->applying = false;
  out->sequence = out->applying ? out->journal.sequence : out->head.sequence;
  return LAM_OK;
}

/* The sequence is the same while a commit is applied and after, and while a file is appended to before: all count. */
static enum lam_status is_still(struct lam_directory *directory, const struct state *state, bool *out,
                                struct lam_error *error) {
  struct state now;
  enum lam_status status = read_state(directory, &now, error);
  *out = now.sequence == state->sequence && now.applying == state->applying && now.head.sum == state->head.sum;
  release_state(&now);
  return status;
}

/* ---- the snapshot ---- */

static enum lam_status add_columns(struct lam_snapshot *out, const struct lam_partition *values, size_t *room,
                                   struct lam_error *error) {
  for (size_t i = 0; i < values->count; i++) {
    bool known = false;
    for (size_t j = 0; j < out->column_count && !known; j++)
      known = strcmp(out->columns[j], values->values[i].column) == 0;
    if (known) continue;
    void *items = out->columns;
    LAM_TRY(lam_vector_grow(&out->arena, &items, out->column_count, room, sizeof *out->columns, error));
    out->columns = items;
    out->columns[out->column_count++] = values->values[i].column;
  }
  return LAM_OK;
}

static enum lam_status copy(struct lam_arena *arena, const char *text, const char **out, struct lam_error *error) {
  char *made = NULL;
  if (text) LAM_TRY(lam_arena_string(arena, lam_bytes_of_string(text), &made, error));
  *out = made;
  return LAM_OK;
}

/* A directory's data files: of the pack, as they are there, or found. */
struct run {
  const char *directory;
  uint32_t packed; /* of the pack's directories, or PACK_NONE */
  bool trusted, through_link;
  size_t first, count; /* of the pack's files, or of those found */
};
struct runs {
  struct run *items;
  size_t count, room;
};

static enum lam_status add_run(struct runs *runs, struct lam_arena *arena, struct run run, struct lam_error *error) {
  void *items = runs->items;
  if (run.count == 0) return LAM_OK;
  LAM_TRY(lam_vector_grow(arena, &items, runs->count, &runs->room, sizeof run, error));
  runs->items = items;
  runs->items[runs->count++] = run;
  return LAM_OK;
}

/* From the directories as they were walked through. */
static enum lam_status runs_of_walk(const struct lam_walk *walk, struct runs *out, struct lam_error *error) {
  for (size_t i = 0; i < walk->walked_count; i++) {
    const struct lam_walked *walked = &walk->walked[i];
    struct run run = {walked->key, walked->packed, walked->trusted, walked->through_link, walked->first, walked->count};
    if (run.trusted) run.first = walk->pack->directories[run.packed].first_file;
    LAM_TRY(add_run(out, walk->arena, run, error));
  }
  return LAM_OK;
}

/* From what is found, sorted, where a journal was laid over it. */
static enum lam_status runs_of_found(const struct lam_walk *walk, struct runs *out, struct lam_error *error) {
  const struct lam_found *items = walk->found.items;
  for (size_t i = 0, end; i < walk->found.count; i = end) {
    for (end = i + 1; end < walk->found.count && strcmp(items[end].directory, items[i].directory) == 0;) end++;
    const struct run run = {.directory = items[i].directory, .packed = PACK_NONE, .first = i, .count = end - i};
    LAM_TRY(add_run(out, walk->arena, run, error));
  }
  return LAM_OK;
}

/* Keys stay in the pack, which the snapshot holds. */
static void take_packed(const struct run *run, const struct lam_pack *pack, struct lam_snapshot *out) {
  uint32_t partition = (uint32_t)(out->partition_count - 1);
  struct lam_data_file *to = &out->files[out->file_count];
  assert(pack); /* by which the directory is trusted */
  for (size_t i = run->first; i < run->first + run->count; i++, to++) {
    const struct pack_file *from = &pack->files[i];
    to->key = lam_pack_key(pack, from->key);
    to->identity = (struct lam_identity){from->inode, from->size, from->mtime_ns};
    to->partition = partition;
    to->packed = (uint32_t)i + 1;
    to->through_link = run->through_link;
    out->bytes += from->size;
  }
  out->file_count += run->count;
}

/* The file of the pack that a file found still is, and 1. */
static uint32_t packed_of(const struct lam_pack *pack, uint32_t directory, const struct lam_found *found) {
  uint32_t index = lam_pack_find_file(pack, directory, found->name);
  if (index == PACK_NONE) return 0;
  const struct pack_file *file = &pack->files[index];
  const struct lam_identity then = {file->inode, file->size, file->mtime_ns};
  return lam_identity_equal(then, found->identity) ? index + 1 : 0;
}

/* Everything is copied out of the walk's memory, which is several times as much. */
static enum lam_status take_found(const struct run *run, const struct lam_pack *pack, const struct lam_found *found,
                                  struct lam_snapshot *out, struct lam_error *error) {
  uint32_t directory = run->packed;
  if (pack && directory == PACK_NONE) directory = lam_pack_find_directory(pack, run->directory);
  for (size_t i = run->first; i < run->first + run->count; i++) {
    const struct lam_found *item = &found[i];
    struct lam_data_file *file = &out->files[out->file_count++];
    char *key;
    LAM_TRY(lam_key_join(&out->arena, item->directory, item->name, "", &key, error));
    *file = (struct lam_data_file){.key = key,
                                   .identity = item->identity,
                                   .partition = (uint32_t)(out->partition_count - 1),
                                   .through_link = item->through_link};
    if (pack && directory != PACK_NONE && !item->staged) file->packed = packed_of(pack, directory, item);
    LAM_TRY(copy(&out->arena, item->staged, &file->staged, error));
    out->bytes += item->identity.size;
  }
  return LAM_OK;
}

static enum lam_status build(const struct lam_walk *walk, const struct runs *runs, const struct lam_pack *pack,
                             struct lam_snapshot *out, struct lam_error *error) {
  size_t files = 0, room = 0;
  void *memory;
  for (size_t i = 0; i < runs->count; i++) files += runs->items[i].count;
  LAM_TRY(lam_arena_array(&out->arena, files, sizeof *out->files, &memory, error));
  out->files = memory;
  LAM_TRY(lam_arena_array(&out->arena, runs->count, sizeof *out->partitions, &memory, error));
  out->partitions = memory;
  for (size_t i = 0; i < runs->count; i++) {
    const struct run *run = &runs->items[i];
    struct lam_directory_partition *partition = &out->partitions[out->partition_count++];
    partition->first_file = out->file_count;
    partition->file_count = run->count;
    LAM_TRY(copy(&out->arena, run->directory, &partition->directory, error));
    LAM_TRY(lam_partition_parse(&out->arena, run->directory, &partition->values, error));
    LAM_TRY(add_columns(out, &partition->values, &room, error));
    if (run->trusted)
      take_packed(run, pack, out);
    else
      LAM_TRY(take_found(run, pack, walk->found.items, out, error));
  }
  out->other_files = walk->other_files;
  return copy(&out->arena, walk->foreign, &out->foreign, error);
}

/* Appends to a message, as far as it goes. */
__attribute__((format(printf, 3, 4))) static void say(char *text, size_t room, const char *format, ...) {
  size_t size = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + size, room - size, format, arguments);
  va_end(arguments);
}

/* Why a filter matched nothing: the first of its columns that no directory has the value of, or has at all. */
static enum lam_status fail_unmatched(const struct lam_walk *walk, struct lam_error *error) {
  const char *name = walk->directory->name;
  char known[600] = "";
  for (size_t i = 0; i < walk->filter->count; i++) {
    const struct lam_partition_value *wanted = &walk->filter->wanted[i];
    bool found = false;
    size_t values = 0;
    for (size_t j = 0; j < walk->seen_count; j++) {
      const struct lam_partition_value *seen = &walk->seen[j];
      if (strcmp(seen->column, wanted->column) != 0) continue;
      const char *text = seen->value ? seen->value : LAM_NULL_PARTITION;
      found = found || strcmp(text, wanted->value ? wanted->value : LAM_NULL_PARTITION) == 0;
      say(known, sizeof known, "%s%s", values ? ", " : "", values < LAM_WALK_VALUES_SHOWN ? text : "…");
      values++;
    }
    if (values && !found)
      return lam_fail(error, LAM_NOT_FOUND, "no partition of '%s' matches %s=%s; values of %s there: %s", name,
                      wanted->column, wanted->value ? wanted->value : LAM_NULL_PARTITION, wanted->column, known);
    known[0] = 0;
  }
  for (size_t i = 0; i < walk->filter->count; i++) {
    bool found = false;
    known[0] = 0;
    for (size_t j = 0; j < walk->seen_count; j++) {
      const char *column = walk->seen[j].column;
      bool again = false;
      for (size_t k = 0; k < j; k++) again = again || strcmp(walk->seen[k].column, column) == 0;
      if (!again) say(known, sizeof known, "%s%s", *known ? ", " : "", column);
      found = found || strcmp(column, walk->filter->wanted[i].column) == 0;
    }
    if (!found)
      return lam_fail(error, LAM_NOT_FOUND, "'%s' has no partition column '%s'; %s%s", name,
                      walk->filter->wanted[i].column, *known ? "it has: " : "it is not partitioned", known);
  }
  return lam_fail(error, LAM_NOT_FOUND, "no partition of '%s' has all of the values asked for", name);
}

/* What the walk found, a commit that is being applied included. */
static enum lam_status take_walk(struct lam_walk *walk, const struct state *state, const struct lam_pack *pack,
                                 struct lam_snapshot *out, struct lam_error *error) {
  struct lam_directory *directory = walk->directory;
  struct runs runs = {0};
  if (state->applying) {
    lam_found_sort(&walk->found);
    LAM_TRY(lam_overlay(directory->data, directory->meta, &state->journal, walk->filter, &walk->found, error));
    LAM_TRY(runs_of_found(walk, &runs, error));
  } else {
    LAM_TRY(runs_of_walk(walk, &runs, error));
  }
  if (walk->filter && !walk->matched && runs.count == 0) return fail_unmatched(walk, error);
  if (directory->pattern && runs.count == 0)
    return lam_fail(error, LAM_NOT_FOUND, "no file matches '%s'", directory->name);
  LAM_TRY(build(walk, &runs, pack, out, error));
  return lam_in_place_view(directory->data, &state->head, state->applying ? &state->journal : NULL, out, error);
}

static enum lam_status list_once(struct lam_walk *walk, bool *stable, struct lam_snapshot *out,
                                 struct lam_error *error) {
  struct lam_directory *directory = walk->directory;
  struct state state;
  enum lam_status status = read_state(directory, &state, error);
  /* A pack of a later state than the head's, which is an old copy or has been removed: what the head knew of files that
   * were appended to is lost. */
  bool later = out->pack && out->pack->head.sequence > state.sequence;
  if (directory->pack_use == LAM_PACK_TRUSTED && !state.applying && !later) walk->pack = out->pack;
  if (status == LAM_OK && walk->record && state.applying)
    status = lam_fail(error, LAM_CONFLICT, "a commit is being applied to '%s'", directory->name);
  if (status == LAM_OK) status = lam_walk_all(walk, error);
  if (status == LAM_OK) status = is_still(directory, &state, stable, error);
  if (status == LAM_OK && *stable) {
    out->sequence = state.sequence;
    status = take_walk(walk, &state, out->pack, out, error);
    /* Files that were appended to since the pack was made are looked at only there. */
    if (status == LAM_OK && out->pack && state.head.file_count) status = is_still(directory, &state, stable, error);
  }
  release_state(&state);
  return status;
}

/* A pack that cannot be used is passed over. */
static void open_pack(struct lam_directory *directory, struct lam_snapshot *out) {
  struct lam_error why = LAM_ERROR_INIT;
  if (!directory->meta || directory->pack_use == LAM_PACK_UNUSED) return;
  enum lam_status status = lam_pack_open(directory->meta, LAM_PACK_KEY, directory->mem, &out->pack, &why);
  if (status != LAM_OK && status != LAM_NOT_FOUND)
    lam_log(directory->context, status == LAM_UNSUPPORTED ? LAM_LOG_INFO : LAM_LOG_WARN, "the pack is not used: %s",
            why.message);
}

/* One look now, instead of three for each file that is opened. */
static void look_for_sidecars(struct lam_directory *directory, struct lam_snapshot *out) {
  bool kept, writable;
  if (directory->single) return;
  lam_sidecars_kept(directory, &kept, &writable);
  out->no_sidecars = !kept;
}

/* What was listed while the table changed. */
static void forget_files(struct lam_snapshot *out) {
  const struct lam_snapshot fresh = {.arena.mem = out->arena.mem, .pack = out->pack, .no_sidecars = out->no_sidecars};
  lam_arena_release(&out->arena);
  *out = fresh;
  lam_arena_init(&out->arena, fresh.arena.mem);
}

/* `filter` and `record` of the walk are given. */
static enum lam_status open_snapshot(struct lam_directory *directory, struct lam_walk *walk, struct lam_arena *scratch,
                                     struct lam_snapshot *out, struct lam_error *error) {
  const struct lam_walk fresh = {
      .directory = directory, .filter = walk->filter, .record = walk->record, .arena = scratch};
  *out = (struct lam_snapshot){0};
  lam_arena_init(&out->arena, directory->mem);
  open_pack(directory, out);
  look_for_sidecars(directory, out);
  enum lam_status status = LAM_OK;
  bool stable = false;
  for (int i = 0; i < LISTINGS && status == LAM_OK && !stable; i++) {
    lam_arena_release(scratch);
    forget_files(out);
    *walk = fresh;
    status = list_once(walk, &stable, out, error);
  }
  if (status == LAM_OK && !stable)
    status = lam_fail(error, LAM_CONFLICT, "'%s' was changed by others each of the %d times that it was listed",
                      directory->name, LISTINGS);
  if (status != LAM_OK) lam_snapshot_release(out);
  return status;
}

enum lam_status lam_snapshot_open(struct lam_directory *directory, const struct lam_partition_filter *filter,
                                  struct lam_snapshot *out, struct lam_error *error) {
  struct lam_arena scratch;
  struct lam_walk walk = {.filter = filter && filter->count ? filter : NULL};
  lam_arena_init(&scratch, directory->mem);
  enum lam_status status = open_snapshot(directory, &walk, &scratch, out, error);
  lam_arena_release(&scratch);
  return status;
}

enum lam_status lam_snapshot_record(struct lam_directory *directory, struct lam_arena *arena, struct lam_snapshot *out,
                                    struct lam_walked **walked, size_t *count, struct lam_error *error) {
  struct lam_walk walk = {.record = true};
  enum lam_status status = open_snapshot(directory, &walk, arena, out, error);
  *walked = walk.walked;
  *count = walk.walked_count;
  return status;
}

bool lam_snapshot_is_by(const struct lam_snapshot *snapshot, const char *const *columns, size_t count) {
  bool same = snapshot->column_count == count;
  for (size_t i = 0; same && i < count; i++) same = strcmp(snapshot->columns[i], columns[i]) == 0;
  return same;
}

void lam_snapshot_release(struct lam_snapshot *snapshot) {
  struct lam_mem *mem = snapshot->arena.mem;
  lam_pack_close(snapshot->pack);
  lam_arena_release(&snapshot->arena);
  *snapshot = (struct lam_snapshot){0};
  lam_arena_init(&snapshot->arena, mem);
}
