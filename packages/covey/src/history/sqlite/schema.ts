/** Version of the layout below. Another one is rebuilt from the bodies it holds: see `openDatabase`. */
export const historyFormat = 1;

/** "Covh". */
export const applicationId = 0x436f7668;

/** Places for tasks that ended in the same millisecond. */
export const positionsPerMs = 1024;

/**
 * `task.position` is the time of the end in milliseconds times `positionsPerMs`, plus a counter: unique, and newest
 * first is its descending order. As it is the rowid, every index ends with it, so each filter alone gives a page in
 * order without sorting; `words` (full text, no content of its own) shares it.
 *
 * A layout may change in all but this: `task(position, body)`, `audit(sequence, ordinal, body)` and `applied(sequence)`
 * stay, so that any build can rebuild from any other's file.
 */
export const schema = `
	CREATE TABLE task (
		position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, status TEXT NOT NULL, type TEXT NOT NULL,
		submitter TEXT NOT NULL, worker TEXT, outcome TEXT, dedup_key TEXT, body TEXT NOT NULL
	) STRICT;
	CREATE INDEX task_by_status ON task (status);
	CREATE INDEX task_by_namespace ON task (namespace);
	CREATE INDEX task_by_namespace_status ON task (namespace, status);
	CREATE INDEX task_by_outcome ON task (outcome);
	CREATE INDEX task_by_worker ON task (worker);
	CREATE INDEX task_by_submitter ON task (submitter);
	CREATE INDEX task_by_type ON task (type);
	CREATE INDEX task_by_dedup_key ON task (namespace, dedup_key) WHERE dedup_key IS NOT NULL;
	CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, detail = none);
	CREATE TABLE audit (sequence INTEGER, ordinal INTEGER, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (sequence, ordinal)) STRICT, WITHOUT ROWID;
	CREATE TABLE applied (sequence INTEGER NOT NULL) STRICT;
	INSERT INTO applied VALUES (0);
	PRAGMA application_id = ${applicationId};
	PRAGMA user_version = ${historyFormat};
`;
