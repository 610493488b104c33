#include "ops/task.h"

#include "base/context.h"

enum {
  TASK_MEMORY = 48 << 20, /* bytes that a task should have; fewer run at once where there are not enough */
  PLAN_MEMORY = 16 << 20,
};

/* ---- memory ---- */

static uint64_t memory_limit(struct lam_context *context) {
  struct lam_memory_use use = {.struct_size = sizeof use};
  lam_context_memory(context, &use);
  return use.limit;
}

uint64_t lam_tasks_minimum(struct lam_context *context) {
  return lam_min_u64(memory_limit(context) / 2, PLAN_MEMORY + (uint64_t)TASK_MEMORY * lam_context_threads(context));
}

uint32_t lam_tasks_width(struct lam_context *context) {
  uint64_t minimum = lam_tasks_minimum(context);
  uint64_t fit = minimum > PLAN_MEMORY ? (minimum - PLAN_MEMORY) / TASK_MEMORY : 0;
  return (uint32_t)lam_max_u64(1, lam_min_u64(fit, lam_context_threads(context)));
}

uint64_t lam_tasks_share(struct lam_context *context, uint32_t width) {
  return memory_limit(context) / width / 4;
}

/* ---- inputs ---- */

/* Whether an input is no longer what was planned with: gone, or another one. */
static bool was_changed(struct lam_directory *directory, const struct lam_data_file *file) {
  struct lam_object_info info;
  struct lam_store *data = directory->data;
  if (file->staged) return false; /* then the name may not be there yet */
  enum lam_status status = data->ops->stat(data, file->key, &info, NULL);
  return status == LAM_NOT_FOUND || (status == LAM_OK && !lam_identity_equal(lam_identity_of(&info), file->identity));
}

static enum lam_status fail_changed(const struct lam_data_file *file, struct lam_error *error) {
  return lam_fail(error, LAM_CONFLICT, "%s was changed by another writer since it was planned; nothing was changed",
                  file->key);
}

enum lam_status lam_input_open(struct lam_directory *directory, const struct lam_snapshot *snapshot,
                               const struct lam_data_file *file, const struct lam_file_options *options,
                               struct lam_mem *mem, struct lam_file **out, struct lam_error *error) {
  LAM_TRY(lam_check_cancel(directory->context, error));
  enum lam_status status = lam_snapshot_file(directory, snapshot, file, options, mem, out, error);
  if (status != LAM_OK) return was_changed(directory, file) ? fail_changed(file, error) : status;
  struct lam_identity found = lam_identity_of(lam_file_info(*out));
  /* What an append in place has put behind it is seen at the commit, if it is committed by then. */
  bool grown = found.inode == file->identity.inode && found.size > file->identity.size;
  if (grown || lam_identity_equal(found, file->identity)) return LAM_OK;
  lam_file_close(*out);
  *out = NULL;
  return fail_changed(file, error);
}
