/* The journal and the head on disk: docs/directory-tables.md gives every field.
 *
 * Both are lines of text that end with a checksum. The journal says what a commit does, in a form that can be applied
 * again at any point of having been applied. */
#ifndef LAM_TABLE_JOURNAL_H
#define LAM_TABLE_JOURNAL_H

#include "table/directory.h"

#define LAM_JOURNAL_KEY "journal"
#define LAM_HEAD_KEY "head"
#define LAM_LOCK_KEY "lock"

/* One file of a directory that the commit touches. */
enum lam_journal_action {
  LAM_JOURNAL_ADD,    /* staged -> name */
  LAM_JOURNAL_REMOVE, /* name -> retired */
  LAM_JOURNAL_KEEP,   /* is in the directory before and after (exchange only) */
  LAM_JOURNAL_APPEND, /* the same, and has been appended to in place: see in_place.h */
};
struct lam_journal_file {
  enum lam_journal_action action;
  const char *name;             /* within the directory */
  struct lam_identity identity; /* of what is moved, replaced or kept; of what was appended to, as it is then */
  uint64_t hash;                /* of a manifest: XXH64 of the bytes of a removed file, which the backup has */
};

enum lam_journal_how {
  LAM_JOURNAL_EXCHANGE, /* a directory prepared whole is swapped with the live one */
  LAM_JOURNAL_NEW,      /* a directory prepared whole is renamed to a name that is free */
  LAM_JOURNAL_FILES,    /* files are renamed one by one: removed ones out, then new ones in */
};
struct lam_journal_directory {
  enum lam_journal_how how;
  const char *key;    /* in the data store */
  const char *staged; /* in the meta store: a directory that holds the added files under their final names */
  uint64_t old_inode; /* of the live directory before; 0 for NEW */
  uint64_t new_inode; /* of the staged one */
  struct lam_journal_file *files; /* sorted by name */
  size_t file_count;
};

struct lam_journal {
  struct lam_arena arena;
  uint64_t sequence;
  int64_t time;                              /* of the commit, seconds since 1970-01-01 UTC */
  const char *change;                        /* id of the stage */
  const char *table, *state;                 /* of a manifest: the paths of the table and of its state; else NULL */
  struct lam_journal_directory *directories; /* sorted by key */
  size_t directory_count;
};
void lam_journal_release(struct lam_journal *journal);

enum lam_status lam_journal_encode(const struct lam_journal *journal, struct lam_buf *out, struct lam_error *error);
/* Every path is checked to be a key that stays inside its store. LAM_CORRUPT names the line. */
enum lam_status lam_journal_decode(struct lam_bytes text, struct lam_mem *mem, struct lam_journal *out,
                                   struct lam_error *error);
/* Reads the journal of a table. *there is false, and `out` empty, where there is none. A corrupt one is an error that
 * says what to do. */
enum lam_status lam_journal_read(struct lam_store *meta, struct lam_mem *mem, bool *there, struct lam_journal *out,
                                 struct lam_error *error);

/* The same of any key, without the advice: a manifest has this form, too. */
enum lam_status lam_journal_read_at(struct lam_store *store, const char *key, struct lam_mem *mem, bool *there,
                                    struct lam_journal *out, struct lam_error *error);

struct lam_head_retired {
  uint64_t sequence; /* its folder is retired/<sequence> */
  int64_t time;      /* seconds */
};
/* A file that has been, or is being, appended to in place: see in_place.h. */
struct lam_head_file {
  const char *key;
  struct lam_identity identity; /* as committed */
  bool open;                    /* bytes of an append that is not committed may stand behind */
  uint32_t footer;              /* open: CRC-32 of the committed footer, its length and the magic */
  uint64_t gone;                /* the commit that removed it; 0: none */
};
struct lam_head {
  struct lam_arena arena;
  uint64_t sequence;                /* of the last commit; 0: none */
  struct lam_head_retired *retired; /* folders not yet swept, oldest first */
  size_t retired_count;
  struct lam_head_file *files;
  size_t file_count, file_room;
  uint32_t sum; /* of its text, as it was read; 0: there was none */
  bool rebuilt; /* there was no head: the sequence says nothing about whether a journal was applied */
};
void lam_head_release(struct lam_head *head);
/* The key is not copied: it is in the head's arena, or outlives the head. */
enum lam_status lam_head_add(struct lam_head *head, struct lam_head_file file, struct lam_error *error);
enum lam_status lam_head_encode(const struct lam_head *head, struct lam_buf *out, struct lam_error *error);
/* Where there is none: sequence 0 (a writer then looks at the folders in retired/). */
enum lam_status lam_head_read(struct lam_store *meta, struct lam_mem *mem, bool *there, struct lam_head *out,
                              struct lam_error *error);

/* "retired/<sequence>/<key>.retired", a long name cut: no name of ours ends in .parquet. */
enum lam_status lam_retired_key(struct lam_arena *arena, uint64_t sequence, const char *key, char **out,
                                struct lam_error *error);

#endif
