#include "table/directory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "table/foreign.h"
#include "table/glob.h"
#include "table/listing.h"

bool lam_is_data_name(const char *name) {
  static const char *const suffixes[] = {".parquet", ".parq", ".pq"};
  if (*name == '.' || *name == '_') return false;
  size_t size = strlen(name);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    size_t tail = strlen(suffixes[i]);
    if (size > tail && strcasecmp(name + size - tail, suffixes[i]) == 0) return true;
  }
  return false;
}

/* Spark's rule: a name that begins with '_' is hidden unless it is a partition's. */
bool lam_is_data_directory_name(const char *name) {
  return *name != '.' && (*name != '_' || lam_partition_is_name(name));
}

static int64_t real_now(void) {
  return (int64_t)time(NULL);
}

static void free_text(struct lam_mem *mem, const char *text) {
  if (text) lam_free(mem, (void *)(uintptr_t)text, strlen(text) + 1);
}

static enum lam_status copy_text(struct lam_mem *mem, const char *text, char **out, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_alloc(mem, strlen(text) + 1, &memory, error));
  *out = memory;
  memcpy(memory, text, strlen(text) + 1);
  return LAM_OK;
}

enum lam_status lam_directory_open_stores(struct lam_context *context, struct lam_store *data, struct lam_store *meta,
                                          const char *name, struct lam_mem *mem, struct lam_directory **out,
                                          struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_directory *directory = memory;
  *directory = (struct lam_directory){.context = context, .mem = mem, .data = data, .meta = meta, .now = real_now};
  enum lam_status status = copy_text(mem, name, &directory->name, error);
  if (status != LAM_OK) {
    lam_free(mem, directory, sizeof *directory);
    return status;
  }
  *out = directory;
  return LAM_OK;
}

void lam_directory_close(struct lam_directory *directory) {
  if (!directory) return;
  if (directory->owns_stores) {
    lam_store_close(directory->data);
    lam_store_close(directory->meta);
  }
  free_text(directory->mem, directory->name);
  free_text(directory->mem, directory->pattern);
  lam_free(directory->mem, directory, sizeof *directory);
}

/* Where a table is: the root of its data, and for a file or a glob what to look for below it. */
struct place {
  char root[PATH_MAX];
  const char *pattern; /* within the path given */
  bool single;
};

static enum lam_status too_long(const char *path, struct lam_error *error) {
  return lam_fail(error, LAM_INVALID, "the path '%.200s…' is too long", path);
}

/* Cuts the path at the slash before `rest`. */
static void split_at(const char *path, const char *rest, struct place *out) {
  size_t size = (size_t)(rest - path);
  while (size > 1 && path[size - 1] == '/') size--;
  snprintf(out->root, sizeof out->root, "%.*s", size ? (int)size : 1, size ? path : ".");
  out->pattern = rest;
}

static enum lam_status find_place(const char *path, bool create, struct place *out, struct lam_error *error) {
  *out = (struct place){.pattern = NULL};
  size_t size = strlen(path);
  if (size == 0) return lam_fail(error, LAM_INVALID, "the path of a table is empty");
  if (size >= sizeof out->root - sizeof ".lamella") return too_long(path, error);
  struct stat st;
  bool there = stat(path, &st) == 0;
  if (there && S_ISDIR(st.st_mode)) {
    memcpy(out->root, path, size + 1);
  } else if (there) {
    const char *slash = strrchr(path, '/');
    split_at(path, slash ? slash + 1 : path, out);
    out->single = true;
  } else if (lam_glob_has_wildcards(path)) {
    const char *rest = path;
    for (const char *p = path; p < path + strcspn(path, "*?["); p++) {
      if (*p == '/') rest = p + 1;
    }
    split_at(path, rest, out);
  } else if (create) {
    memcpy(out->root, path, size + 1);
  } else {
    return lam_fail(error, LAM_NOT_FOUND, "there is no file or directory '%s'", path);
  }
  for (size_t end = strlen(out->root); end > 1 && out->root[end - 1] == '/'; end--) out->root[end - 1] = 0;
  return LAM_OK;
}

/* Beside the directory itself, not beside a link to it: all who write must meet at one lock. */
static enum lam_status meta_path(const char *root, const char *meta_dir, char out[PATH_MAX], struct lam_error *error) {
  char *real = meta_dir ? NULL : realpath(root, NULL);
  int size =
      meta_dir ? snprintf(out, PATH_MAX, "%s", meta_dir) : snprintf(out, PATH_MAX, "%s.lamella", real ? real : root);
  free(real);
  return size < 0 || size >= PATH_MAX ? too_long(root, error) : LAM_OK;
}

static enum lam_status open_stores(struct lam_context *context, const struct place *place, const char *meta_dir,
                                   struct lam_store **data, struct lam_store **meta, struct lam_error *error) {
  *data = *meta = NULL;
  LAM_TRY(lam_store_local(context, place->root, data, error));
  if (place->pattern) return LAM_OK;
  char path[PATH_MAX];
  LAM_TRY(meta_path(place->root, meta_dir, path, error));
  return lam_store_local(context, path, meta, error);
}

enum lam_status lam_directory_open(struct lam_context *context, const char *path, const char *meta_dir, bool create,
                                   struct lam_mem *mem, struct lam_directory **out, struct lam_error *error) {
  struct place place;
  struct lam_store *data = NULL, *meta = NULL;
  *out = NULL;
  LAM_TRY(find_place(path, create, &place, error));
  enum lam_status status = open_stores(context, &place, meta_dir, &data, &meta, error);
  if (status == LAM_OK) status = lam_directory_open_stores(context, data, meta, path, mem, out, error);
  if (status != LAM_OK) {
    lam_store_close(data);
    lam_store_close(meta);
    return status;
  }
  (*out)->owns_stores = true;
  (*out)->single = place.single;
  if (!place.pattern) return LAM_OK;
  char *pattern = NULL;
  status = copy_text(mem, place.pattern, &pattern, error);
  (*out)->pattern = pattern;
  if (status == LAM_OK) return LAM_OK;
  lam_directory_close(*out);
  *out = NULL;
  return status;
}

/* ---- before writing ---- */

char *lam_real_path(const char *path) {
  char above[PATH_MAX], joined[PATH_MAX], *real = realpath(path, NULL);
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/') size--;
  if (real || size == 0 || size >= sizeof above) return real;
  snprintf(above, sizeof above, "%.*s", (int)size, path);
  char *slash = strrchr(above, '/');
  const char *name = slash ? path + (slash + 1 - above) : path;
  if (slash) slash[slash == above] = 0;
  real = realpath(slash ? above : ".", NULL);
  if (!real) return NULL;
  size = size - (size_t)(name - path);
  int joint = snprintf(joined, sizeof joined, "%s/%.*s", real[1] ? real : "", (int)size, name);
  free(real);
  return joint < (int)sizeof joined ? strdup(joined) : NULL;
}

static enum lam_status real_root(const struct lam_store *store, char **out, struct lam_error *error) {
  *out = lam_real_path(store->root);
  return *out ? LAM_OK : lam_store_fail(store, "", errno, "make the directory", error);
}

/* State inside the table would be taken for data, and a table inside its own state would be swept. */
static enum lam_status check_apart(const struct lam_directory *directory, struct lam_error *error) {
  char *data, *meta;
  LAM_TRY(real_root(directory->data, &data, error));
  enum lam_status status = real_root(directory->meta, &meta, error);
  if (status == LAM_OK) {
    size_t a = strlen(data), b = strlen(meta), shorter = a < b ? a : b;
    const char *longer = a < b ? meta : data;
    if (strncmp(data, meta, shorter) == 0 && (longer[shorter] == '/' || longer[shorter] == 0))
      status =
          lam_fail(error, LAM_INVALID,
                   "the table '%s' and its state '%s' must lie beside each other, not one in the other", data, meta);
  }
  free(data);
  free(meta);
  return status;
}

static enum lam_status check_device(const struct lam_directory *directory, struct lam_error *error) {
  struct lam_object_info data, meta;
  LAM_TRY(directory->data->ops->stat(directory->data, "", &data, error));
  LAM_TRY(directory->meta->ops->stat(directory->meta, "", &meta, error));
  if (data.device == meta.device) return LAM_OK;
  return lam_fail(
      error, LAM_UNSUPPORTED,
      "the table '%s' and its state '%s' are on different file systems or mounts, so files cannot be renamed from one "
      "to the other; give a --meta-dir on the table's",
      directory->data->root, directory->meta->root);
}

static enum lam_status have_root(struct lam_store *store, struct lam_error *error) {
  enum lam_status status = store->ops->make_directory(store, "", error);
  return status == LAM_EXISTS ? LAM_OK : status;
}

enum lam_status lam_directory_check(struct lam_directory *directory, struct lam_error *error) {
  if (!directory->meta)
    return lam_fail(error, LAM_UNSUPPORTED, "'%s' is %s; only whole directories are changed", directory->name,
                    directory->single ? "a single file" : "a glob");
  bool local = strcmp(directory->data->ops->kind, "local") == 0;
  const char *slash = strrchr(directory->data->root, '/');
  const char *name = slash ? slash + 1 : directory->data->root;
  if (local && lam_partition_is_name(name))
    return lam_fail(error, LAM_UNSUPPORTED,
                    "'%s' has the name of a partition; give the directory of its table with --partition %s", name,
                    name);
  LAM_TRY(lam_foreign_refuse(directory->data, error));
  return local ? check_apart(directory, error) : LAM_OK;
}

enum lam_status lam_directory_prepare(struct lam_directory *directory, struct lam_error *error) {
  LAM_TRY(lam_directory_check(directory, error));
  LAM_TRY(have_root(directory->data, error));
  LAM_TRY(have_root(directory->meta, error));
  return check_device(directory, error);
}
