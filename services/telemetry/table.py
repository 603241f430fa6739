"""The table of all metrics: who exports it → what it is. docs/metrics.md is rendered from it.

To add one: a row here, and `counter`, `gauge` or `histogram` of services.telemetry.instruments
under its name in the package's metrics.py. Then `python -m services.telemetry.render`.
"""

from services.telemetry.metric import Metric, counter, decades, doublings, gauge, histogram

QUERIES = doublings(1, 256)
CANDIDATES = doublings(64, 32768)
FILL = doublings(1 / 128, 1)
ERROR = decades(1e-6, 1, each=2)

EVERY = "every service"
WITH_RELEASE = "every service with a release"

# fmt: off
TABLE: dict[str, tuple[Metric, ...]] = {
    EVERY: (
        histogram(
            "recstack_rpc_duration_seconds", "seconds",
            "Time to answer an rpc, by its status code; failures included.",
            "service", "rpc", "code",
        ),
        gauge(
            "recstack_build_info", "1", "1; the labels say what runs.", "service", "version",
        ),
        gauge(
            "recstack_module_loaded", "1",
            "1 when the Python module is in this process; serving never loads torch.",
            "module",
        ),
        gauge(
            "recstack_tls_certificate_expiry_timestamp_seconds", "seconds",
            "Until when the certificate of the service holds, in unix time: the one in its file, "
            "or the one it calls others with since it started, if that ends sooner; -1 without "
            "TLS, 0 when its file cannot be read.",
        ),
        gauge("process_virtual_memory_bytes", "bytes", "Virtual memory of the process."),
        gauge("process_resident_memory_bytes", "bytes", "Memory of the process that is in RAM."),
        gauge("process_start_time_seconds", "seconds", "When the process began, in unix time."),
        counter("process_cpu_seconds_total", "seconds", "CPU time of the process."),
        gauge("process_open_fds", "descriptors", "Open file descriptors."),
        gauge("process_max_fds", "descriptors", "File descriptors that may be open."),
        counter(
            "python_gc_objects_collected_total", "objects", "Objects that the GC freed.",
            "generation",
        ),
        counter(
            "python_gc_objects_uncollectable_total", "objects",
            "Objects that the GC found and could not free.",
            "generation",
        ),
        counter("python_gc_collections_total", "runs", "Runs of the GC.", "generation"),
        gauge(
            "python_info", "1", "1; the labels say which Python runs.",
            "implementation", "major", "minor", "patchlevel", "version",
        ),
    ),
    WITH_RELEASE: (
        gauge(
            "recstack_release_loaded", "parts",
            "Parts of this process that have the release in memory: 1 in a service, several in a "
            "standalone worker, 0 when it was unloaded.",
            "release",
        ),
        counter(
            "recstack_releases_refused_total", "releases",
            "Releases that could not be loaded: not there, damaged, or not what they were when "
            "they were made. The log has the reason.",
        ),
    ),
    "gateway": (
        counter(
            "recstack_gateway_requests_total", "requests",
            "Calls of the public API over gRPC and HTTP that were within their limits, by status "
            "code. The calls about items count as Items, those about users as Users.",
            "rpc", "code", "release",
        ),
        histogram(
            "recstack_gateway_request_duration_seconds", "seconds",
            "Time to answer a call of the public API, failures included.",
            "rpc",
        ),
        histogram(
            "recstack_http_request_duration_seconds", "seconds",
            "Time to answer a call over HTTP, by its status code; invalid ones included, but not "
            "those that are refused for overload, nor those of routes that are not there.",
            "route", "code",
        ),
        counter(
            "recstack_gateway_degraded_total", "answers",
            "Answers that were made without some part; `degraded` in the answer names it.",
            "rpc",
        ),
        counter(
            "recstack_gateway_degraded_parts_total", "parts",
            "Parts that were missing in answers, by why: a stage, a channel (recall.two_tower), "
            "seen (not marked as shown) or takedown (hidden items not known to the last change).",
            "part", "reason",
        ),
        counter("recstack_gateway_empty_lists_total", "lists", "Lists without any item.", "rpc"),
        counter(
            "recstack_gateway_short_lists_total", "lists",
            "Lists with fewer items than were asked for; empty ones too.",
            "rpc",
        ),
        histogram(
            "recstack_gateway_stage_duration_seconds", "seconds",
            "Time that the gateway waited for a stage that it asked, failures included.",
            "stage",
        ),
        counter(
            "recstack_gateway_stage_failures_total", "queries",
            "Queries without a usable value, by why. BREAKER_OPEN and EXPIRED (no time was left): "
            "the stage was skipped; TIMEOUT: it was late.",
            "stage", "reason",
        ),
        counter(
            "recstack_gateway_stage_received_candidates_total", "candidates",
            "Candidates that a stage was given.",
            "stage",
        ),
        counter(
            "recstack_gateway_stage_kept_candidates_total", "candidates",
            "Candidates that went on after a stage, or after its fallback.",
            "stage",
        ),
        histogram(
            "recstack_gateway_batch_queries", "queries",
            "Queries in one call of a stage; many mean that it is the bottleneck.",
            "stage", buckets=QUERIES,
        ),
        gauge(
            "recstack_gateway_breaker_open", "1",
            "1 while the breaker of a stage is tripped: only probes are sent to it.",
            "stage",
        ),
        counter("recstack_gateway_breaker_trips_total", "trips", "Times it tripped.", "stage"),
        gauge(
            "recstack_gateway_lane_breaker_open", "1",
            "1 while the breaker of a stage is tripped in a lane beside stable's: the control "
            "group's, the canary's, a shadow's.",
            "arm", "stage",
        ),
        counter(
            "recstack_gateway_lane_fallbacks_total", "requests",
            "Requests of canary users that stable answered, as a stage did not have the canary.",
            "stage",
        ),
        counter(
            "recstack_gateway_lane_requests_total", "requests",
            "Requests for lists of the arms of a rollout: stable, control, canary.",
            "release", "arm",
        ),
        counter(
            "recstack_gateway_lane_ends_total", "requests",
            "Those of them that ended badly: errors, or degraded, empty or short lists.",
            "release", "arm", "end",
        ),
        histogram(
            "recstack_gateway_lane_duration_seconds", "seconds",
            "Time to their lists, errors included.",
            "release", "arm",
        ),
        gauge(
            "recstack_gateway_limit_calls", "calls",
            "Calls that may be in flight now; it falls when lists take too long.",
        ),
        gauge("recstack_gateway_in_flight_calls", "calls", "Calls that are in flight."),
        gauge(
            "recstack_gateway_limit_target_seconds", "seconds",
            "The median time of a list that the limit aims at.",
        ),
        counter(
            "recstack_gateway_refused_total", "calls",
            "Calls refused with RESOURCE_EXHAUSTED before anything was done, by why (limit: too "
            "many in flight; rate: of this client key) and priority.",
            "reason", "priority",
        ),
        counter(
            "recstack_gateway_retries_total", "calls",
            "Calls that were made again because the stage could not be reached.",
            "stage",
        ),
        counter(
            "recstack_gateway_faults_total", "entries",
            "Events, items and users that were not stored, by the field that was wrong; store: "
            "they could not be written; unknown: a field that does not exist.",
            "rpc", "field",
        ),
        counter(
            "recstack_gateway_takedowns_total", "items",
            "Items that the gateway took out of a list, by why; recall takes out most before.",
            "reason",
        ),
        counter(
            "recstack_gateway_requests_logged_total", "requests",
            "Served requests that went into the log.",
        ),
        counter(
            "recstack_gateway_requests_not_logged_total", "requests",
            "Served requests that should be in the log and are not: the queue was full (queue), "
            "Redis did not take them (redis), or they could not be written down (error).",
            "reason",
        ),
        gauge(
            "recstack_gateway_items_version", "changes",
            "Number of the last change of items that is known here.",
        ),
        gauge(
            "recstack_gateway_items_records", "items",
            "Items that were put, hidden, deleted or given a time.",
        ),
        gauge(
            "recstack_gateway_items_out", "items",
            "Items that are hidden, deleted, or expire some day.",
        ),
        gauge(
            "recstack_gateway_items_age_seconds", "seconds",
            "Since all changes of items were known here; more than a few: Redis is away.",
        ),
        gauge(
            "recstack_gateway_traffic_policy_version", "changes",
            "Number of the traffic policy that is applied here; 0: none was told.",
        ),
        gauge(
            "recstack_gateway_traffic_canary_ratio", "ratio",
            "Share of the users on the canary now; 0 too when the rollout's lease has expired.",
        ),
        gauge(
            "recstack_gateway_traffic_canary_planned_ratio", "ratio",
            "Share of the users that the traffic policy gives the canary while its lease holds.",
        ),
        gauge(
            "recstack_gateway_traffic_policy_malformed", "1",
            "1 while the traffic policy in Redis cannot be read, and the one before holds; or is "
            "older than one before, and holds without its canary.",
        ),
        gauge(
            "recstack_gateway_traffic_policy_age_seconds", "seconds",
            "Since the traffic policy was read; more than a few: Redis is away, and when the "
            "lease expires all users are on stable.",
        ),
        counter(
            "recstack_gateway_traffic_errors_total", "errors",
            "Times that Redis did not give the traffic policy (policy), that it was malformed "
            "(malformed) or older than one before (older), was not copied to its file (file), or "
            "that no report was taken (report).",
            "what",
        ),
        counter(
            "recstack_gateway_shadow_requests_total", "requests",
            "Requests offered to a shadow, by their end: both lists were compared (compared), the "
            "shadow's lacked a stage (degraded), there was none in time (failed), there was no "
            "room to ask (dropped). No other metric of the gateway counts them.",
            "release", "end",
        ),
        counter(
            "recstack_gateway_shadow_overlap_total", "lists",
            "Sum over the requests compared of the share of the longer list that both have: "
            "divided by their number, the mean overlap.",
            "release",
        ),
        counter(
            "recstack_gateway_shadow_stage_seconds_total", "seconds",
            "Time of recall to rerank in the requests compared: the shadow's, and stable's for the "
            "same requests.",
            "release", "of",
        ),
        gauge(
            "recstack_gateway_shadow_running_requests", "requests",
            "Requests that the shadow is asked now.",
        ),
    ),
    "feature_store": (
        histogram(
            "recstack_redis_duration_seconds", "seconds",
            "Time of one batch to Redis and back, failures included.",
            "operation",
        ),
        gauge("recstack_redis_up", "1", "1 while there is a connection to Redis."),
        counter(
            "recstack_redis_errors_total", "batches",
            "Batches that Redis did not answer, by why.",
            "operation", "reason",
        ),
        counter(
            "recstack_feature_store_failures_total", "queries",
            "Queries without a value, by why.",
            "operation", "reason",
        ),
        histogram(
            "recstack_seen_bloom_fill_ratio", "ratio",
            "Share of set bits in a user's newest Bloom generation, at each read; 0.5 is full.",
            buckets=FILL,
        ),
        histogram(
            "recstack_seen_bloom_error_ratio", "ratio",
            "Share of unseen items that a user's filters wrongly hide, measured from their bits, "
            "at each read.",
            buckets=ERROR,
        ),
    ),
    "recall": (
        counter("recstack_recall_queries_total", "queries", "Queries that were answered."),
        counter(
            "recstack_recall_candidates_total", "candidates",
            "Candidates given to the next stage.",
        ),
        counter(
            "recstack_recall_short_lists_total", "queries",
            "Queries that got fewer candidates than wanted.",
        ),
        counter(
            "recstack_recall_seen_dropped_items_total", "items",
            "Found items that were dropped because the user was shown them.",
        ),
        counter(
            "recstack_recall_bloom_lost_items_total", "items",
            "Unseen items that Bloom filters took for seen, by their share of set bits.",
        ),
        counter(
            "recstack_recall_repeated_items_total", "items",
            "Candidates that were shown before, because too few were left.",
        ),
        counter(
            "recstack_recall_exhausted_queries_total", "queries",
            "Queries that had to repeat items.",
        ),
        gauge("recstack_recall_fresh_items", "items", "Items newer than the release.", "release"),
        gauge(
            "recstack_recall_fresh_items_left_out", "items",
            "Items newer than the release that are too many to be kept.",
            "release",
        ),
        gauge("recstack_recall_items_version", "changes", "Last change of items known here."),
        counter(
            "recstack_recall_live_errors_total", "errors",
            "Times that what changes while serving could not be read (items, statistics), or not "
            "be taken in by a release (release, refresh).",
            "what",
        ),
        gauge(
            "recstack_recall_statistics_timestamp_seconds", "seconds",
            "When the item statistics in use were computed, in unix time.",
        ),
        histogram(
            "recstack_recall_channel_duration_seconds", "seconds",
            "Time of a channel for a batch; of one that is late, the wait for it.",
            "channel",
        ),
        counter(
            "recstack_recall_channel_skipped_total", "batches",
            "Batches a channel did not answer.",
            "channel", "reason",
        ),
        counter(
            "recstack_recall_channel_fetched_items_total", "items",
            "Items a channel found, before filters.",
            "channel",
        ),
        counter(
            "recstack_recall_channel_kept_items_total", "items",
            "Items of a channel among the merged candidates.",
            "channel",
        ),
    ),
    "prerank": (
        counter("recstack_prerank_queries_total", "queries", "Queries that were scored."),
        counter(
            "recstack_prerank_refused_queries_total", "queries",
            "Queries that do not fit the release.",
        ),
        counter("recstack_prerank_candidates_total", "candidates", "Candidates scored."),
        histogram(
            "recstack_prerank_batch_candidates", "candidates",
            "Candidates in one run of the graph.",
            buckets=CANDIDATES,
        ),
        histogram(
            "recstack_prerank_batch_duration_seconds", "seconds",
            "Time of encoding and one run of the graph.",
        ),
    ),
    "rank": (
        counter("recstack_rank_queries_total", "queries", "Queries that were scored."),
        counter(
            "recstack_rank_refused_queries_total", "queries",
            "Queries that do not fit the release.",
        ),
        counter("recstack_rank_candidates_total", "candidates", "Candidates scored."),
        histogram(
            "recstack_rank_batch_candidates", "candidates",
            "Candidates in one run of the graph.",
            buckets=CANDIDATES,
        ),
        histogram(
            "recstack_rank_batch_duration_seconds", "seconds",
            "Time of encoding and one run of the graph.",
        ),
    ),
    "rerank": (
        counter("recstack_rerank_received_items_total", "items", "Items that came in."),
        counter("recstack_rerank_returned_items_total", "items", "Items of the final lists."),
        counter(
            "recstack_rerank_short_lists_total", "lists",
            "Lists shorter than asked for although enough items came in: rules removed too many.",
        ),
    ),
    "events": (
        counter(
            "recstack_log_entries_total", "entries",
            "Entries done: their effects and the position after them are stored.",
            "kind", "sink",
        ),
        counter(
            "recstack_log_rows_total", "rows", "Rows in Parquet files that were finished.", "kind",
        ),
        counter(
            "recstack_log_bad_entries_total", "entries",
            "Entries that could not be decoded; they are skipped.",
            "kind",
        ),
        gauge(
            "recstack_log_lag_entries", "entries", "Entries that are not done yet.",
            "kind", "partition", "sink",
        ),
        gauge(
            "recstack_log_lag_seconds", "seconds",
            "Age of the oldest entry that is not done yet; 0: all are.",
            "kind", "partition", "sink",
        ),
        gauge(
            "recstack_log_dropped_entries", "entries",
            "Entries that were never read since the stream began: it was full before anybody read "
            "them.",
            "kind", "partition",
        ),
        gauge(
            "recstack_statistics_age_seconds", "seconds",
            "Age of the published statistics; -1: another process publishes.",
        ),
        gauge(
            "recstack_statistics_items", "items",
            "Items in the snapshot that was published last.",
        ),
        counter(
            "recstack_log_errors_total", "errors",
            "Times that a part had to begin again: Redis was away, a file could not be written, or "
            "the lease was lost.",
            "part", "reason",
        ),
    ),
    "rollout": (
        gauge(
            "recstack_rollout_leader", "1",
            "1 while this process leads the rollouts; of all processes one does.",
        ),
        gauge(
            "recstack_rollout_phase", "1",
            "1 for where the rollout is that runs, or was the last; as the leader knows it.",
            "phase",
        ),
        gauge(
            "recstack_rollout_canary_ratio", "ratio",
            "Share of the users that the policy of the rollout gives its release.",
        ),
        gauge(
            "recstack_rollout_step_due_timestamp_seconds", "seconds",
            "When the step has lasted as long as its plan says, in unix time; 0: none runs.",
        ),
        gauge(
            "recstack_rollout_ended_timestamp_seconds", "seconds",
            "When the last rollout ended, in unix time; 0: there was none, or it runs.",
        ),
        counter(
            "recstack_rollout_decisions_total", "decisions",
            "Entries of the audit log that this process wrote: looks at the evidence (advance, "
            "hold, roll back), commands, and changes of the leader.",
            "kind",
        ),
        gauge(
            "recstack_rollout_evidence", "1",
            "E-value against the release at the last look, by guard: from 20 on its step is held, "
            "from the guard's threshold on it is taken back.",
            "guard",
        ),
        gauge(
            "recstack_rollout_tick_timestamp_seconds", "seconds",
            "When this process last looked at Redis, leading or waiting to lead, in unix time.",
        ),
        counter(
            "recstack_rollout_redis_errors_total", "looks", "Looks that Redis did not answer.",
        ),
        counter(
            "recstack_rollout_errors_total", "faults",
            "Looks, and guards in a look, that failed by a fault, see the log.",
        ),
        gauge(
            "recstack_rollout_problems", "problems",
            "What the leader cannot read: a malformed policy, record or report.",
        ),
    ),
}
