#include "table/foreign.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "table/directory.h"

static const struct {
  const char *name, *format;
} marks[] = {
    {"_delta_log", "Delta Lake"},
    {".hoodie", "Apache Hudi"},
    {"_spark_metadata", "Spark Structured Streaming"},
};
enum { MARKS = sizeof marks / sizeof *marks };

const char *lam_foreign_mark(const char *name) {
  for (size_t i = 0; i < MARKS; i++) {
    if (strcmp(name, marks[i].name) == 0) return marks[i].format;
  }
  return NULL;
}

static enum lam_status join(char *out, size_t room, const char *key, const char *name, struct lam_error *error) {
  int size = snprintf(out, room, "%s%s%s", key, *key ? "/" : "", name);
  if (size < 0 || (size_t)size >= room) return lam_fail(error, LAM_INVALID, "the path '%s/%s' is too long", key, name);
  return LAM_OK;
}

/* The listing ends with LAM_EXISTS at the first metadata file. */
static enum lam_status find_metadata(void *user, const char *name, const struct lam_object_info *info,
                                     struct lam_error *error) {
  (void)user, (void)info;
  static const char suffix[] = ".metadata.json";
  size_t size = strlen(name), tail = sizeof suffix - 1;
  bool metadata = size > tail && strcmp(name + size - tail, suffix) == 0;
  return metadata ? lam_fail(error, LAM_EXISTS, "%s", name) : LAM_OK;
}

enum lam_status lam_foreign_find(struct lam_store *store, const char *key, const char **format, const char **mark,
                                 struct lam_error *error) {
  char path[PATH_MAX];
  struct lam_object_info info;
  *format = *mark = NULL;
  for (size_t i = 0; i < MARKS; i++) {
    LAM_TRY(join(path, sizeof path, key, marks[i].name, error));
    enum lam_status status = store->ops->stat(store, path, &info, error);
    if (status == LAM_NOT_FOUND) continue;
    if (status != LAM_OK) return status;
    *format = marks[i].format, *mark = marks[i].name;
    return LAM_OK;
  }
  LAM_TRY(join(path, sizeof path, key, "metadata", error));
  enum lam_status status = store->ops->stat(store, path, &info, error);
  if (status != LAM_OK) return status == LAM_NOT_FOUND ? LAM_OK : status;
  if (info.kind != LAM_OBJECT_DIRECTORY) return LAM_OK;
  status = store->ops->list(store, path, find_metadata, NULL, error);
  if (status != LAM_EXISTS) return status == LAM_NOT_FOUND ? LAM_OK : status;
  *format = "Apache Iceberg", *mark = "metadata";
  return LAM_OK;
}

static enum lam_status refuse(const char *root, const char *where, const char *format, const char *mark,
                              struct lam_error *error) {
  bool above = strcmp(root, where) != 0;
  return lam_fail(error, LAM_UNSUPPORTED,
                  "'%s' %s %s table%s%s%s ('%s/%s' is there); Lamella reads it and writes nothing", root,
                  above            ? "is inside the"
                  : *format == 'A' ? "is an"
                                   : "is a",
                  format, above ? " '" : "", above ? where : "", above ? "'" : "", where, mark);
}

/* Looks beside `path` for our state of a table at `path`: of a larger table where `path` is above the root, of one that
 * a catalog has adopted in any case. */
static enum lam_status refuse_ours(struct lam_store *parent, const char *root, const char *path,
                                   struct lam_error *error) {
  char state[PATH_MAX];
  struct lam_object_info info;
  const char *name = strrchr(path, '/') + 1;
  bool above = strcmp(root, path) != 0;
  if (!*name) return LAM_OK;
  if (snprintf(state, sizeof state, "%s.lamella/adopted", name) >= (int)sizeof state) return LAM_OK;
  if (parent->ops->stat(parent, state, &info, NULL) == LAM_OK)
    return lam_fail(error, LAM_UNSUPPORTED,
                    "'%s' belongs to a catalog ('%s.lamella/adopted' is there); change it there", path, path);
  if (!above) return LAM_OK;
  state[strlen(name) + strlen(".lamella")] = 0;
  if (parent->ops->stat(parent, state, &info, NULL) == LAM_OK && info.kind == LAM_OBJECT_DIRECTORY)
    return lam_fail(error, LAM_UNSUPPORTED,
                    "'%s' is part of the table '%s' ('%s.lamella' is there); give that table, with --partition to "
                    "change this part of it",
                    root, path, path);
  return LAM_OK;
}

/* Directories above that we may not look into are passed over: whoever may not read them has no marks to show us. */
static enum lam_status refuse_above(struct lam_context *context, const char *root, struct lam_error *error) {
  char path[PATH_MAX], parent_path[PATH_MAX];
  snprintf(path, sizeof path, "%s", root);
  while (path[1]) {
    snprintf(parent_path, sizeof parent_path, "%s", path);
    char *slash = strrchr(parent_path, '/');
    slash[slash == parent_path] = 0;
    struct lam_store *parent;
    if (lam_store_local(context, parent_path, &parent, NULL) == LAM_OK) {
      const char *format = NULL, *mark = NULL;
      enum lam_status status = refuse_ours(parent, root, path, error);
      if (status == LAM_OK && lam_foreign_find(parent, "", &format, &mark, NULL) == LAM_OK && format)
        status = refuse(root, parent_path, format, mark, error);
      lam_store_close(parent);
      LAM_TRY(status);
    }
    memcpy(path, parent_path, sizeof path);
  }
  return LAM_OK;
}

enum lam_status lam_foreign_refuse(struct lam_store *data, struct lam_error *error) {
  const char *format, *mark;
  LAM_TRY(lam_foreign_find(data, "", &format, &mark, error));
  if (format) return refuse(data->root, data->root, format, mark, error);
  if (strcmp(data->ops->kind, "local") != 0) return LAM_OK;
  char *root = lam_real_path(data->root);
  if (!root) return LAM_OK; /* it cannot be made */
  enum lam_status status = strlen(root) < PATH_MAX ? refuse_above(data->context, root, error) : LAM_OK;
  free(root);
  return status;
}
