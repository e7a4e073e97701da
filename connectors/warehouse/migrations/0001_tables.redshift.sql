-- The job's tables, one row for each key, and what was loaded when.
-- Why these types, keys and encodings: connectors/warehouse/schema.py.

CREATE TABLE "{schema}".call_segment (
    call_id varchar(1024) NOT NULL ENCODE zstd,
    participant_id varchar(1024) NOT NULL ENCODE zstd,
    window_start_ms bigint NOT NULL ENCODE az64,
    role varchar(32) ENCODE zstd,
    window_end_ms bigint ENCODE az64,
    window_start_at timestamp ENCODE raw,
    revision bigint NOT NULL ENCODE az64,
    text_negative double precision ENCODE zstd,
    text_neutral double precision ENCODE zstd,
    text_positive double precision ENCODE zstd,
    audio_negative double precision ENCODE zstd,
    audio_neutral double precision ENCODE zstd,
    audio_positive double precision ENCODE zstd,
    fused_negative double precision ENCODE zstd,
    fused_neutral double precision ENCODE zstd,
    fused_positive double precision ENCODE zstd,
    fused_label varchar(32) ENCODE zstd,
    score double precision ENCODE zstd,
    rolling_30s_score double precision ENCODE zstd,
    text_weight double precision ENCODE zstd,
    audio_weight double precision ENCODE zstd,
    disagreement double precision ENCODE zstd,
    missing varchar(1024) ENCODE zstd,
    speech_ratio double precision ENCODE zstd,
    loudness_dbfs double precision ENCODE zstd,
    snr_db double precision ENCODE zstd,
    gap_ms bigint ENCODE az64,
    word_count double precision ENCODE zstd,
    audio_model_id varchar(1024) ENCODE zstd,
    text_model_id varchar(1024) ENCODE zstd,
    fusion_model_id varchar(1024) ENCODE zstd,
    language varchar(140) ENCODE zstd,
    emitted_at timestamp ENCODE az64,
    PRIMARY KEY (call_id, participant_id, window_start_ms)
)
DISTKEY (call_id)
SORTKEY (window_start_at);

CREATE TABLE "{schema}".call_summary (
    call_id varchar(1024) NOT NULL ENCODE zstd,
    participant_id varchar(1024) NOT NULL ENCODE zstd,
    role varchar(32) ENCODE zstd,
    started_at timestamp ENCODE raw,
    ended_at timestamp ENCODE az64,
    revision bigint NOT NULL ENCODE az64,
    person_key varchar(1024) ENCODE zstd,
    score double precision ENCODE zstd,
    score_q1 double precision ENCODE zstd,
    score_q2 double precision ENCODE zstd,
    score_q3 double precision ENCODE zstd,
    score_q4 double precision ENCODE zstd,
    score_change double precision ENCODE zstd,
    windows_negative bigint ENCODE az64,
    windows_neutral bigint ENCODE az64,
    windows_positive bigint ENCODE az64,
    talk_ms bigint ENCODE az64,
    non_talk_ms bigint ENCODE az64,
    interruptions bigint ENCODE az64,
    talk_speed_wpm double precision ENCODE zstd,
    loudness_dbfs double precision ENCODE zstd,
    disagreement double precision ENCODE zstd,
    PRIMARY KEY (call_id, participant_id)
)
DISTKEY (call_id)
SORTKEY (started_at);

CREATE TABLE "{schema}".call_ledger (
    call_id varchar(1024) NOT NULL ENCODE raw,
    participant_id varchar(1024) NOT NULL ENCODE zstd,
    revision bigint NOT NULL ENCODE az64,
    chunks_expected bigint ENCODE az64,
    chunks_seen bigint ENCODE az64,
    chunks_duplicate bigint ENCODE az64,
    chunks_missing bigint ENCODE az64,
    chunks_rejected bigint ENCODE az64,
    chunks_withheld bigint ENCODE az64,
    missing_sequences varchar(65535) ENCODE zstd,
    utterances_expected bigint ENCODE az64,
    utterances_seen bigint ENCODE az64,
    utterances_partial_only bigint ENCODE az64,
    windows_scored bigint ENCODE az64,
    windows_missing varchar(4096) ENCODE zstd,
    windows_lost bigint ENCODE az64,
    complete boolean ENCODE raw,
    closed_by varchar(32) ENCODE zstd,
    PRIMARY KEY (call_id, participant_id)
)
DISTKEY (call_id)
SORTKEY (call_id);

CREATE TABLE "{schema}".load_ledger (
    batch_id varchar(64) NOT NULL ENCODE zstd,
    table_name varchar(127) NOT NULL ENCODE zstd,
    num_rows bigint NOT NULL ENCODE az64,
    num_merged bigint NOT NULL ENCODE az64,
    max_revision bigint ENCODE az64,
    loaded_at timestamp NOT NULL DEFAULT sysdate ENCODE raw
)
DISTSTYLE EVEN
SORTKEY (loaded_at);
