-- The job's tables, one row for each key, and what was loaded when.

CREATE TABLE "{schema}".call_segment (
    call_id text NOT NULL,
    participant_id text NOT NULL,
    window_start_ms bigint NOT NULL,
    role text,
    window_end_ms bigint,
    window_start_at timestamp with time zone,
    revision bigint NOT NULL,
    text_negative double precision,
    text_neutral double precision,
    text_positive double precision,
    audio_negative double precision,
    audio_neutral double precision,
    audio_positive double precision,
    fused_negative double precision,
    fused_neutral double precision,
    fused_positive double precision,
    fused_label text,
    score double precision,
    rolling_30s_score double precision,
    text_weight double precision,
    audio_weight double precision,
    disagreement double precision,
    missing text,
    speech_ratio double precision,
    loudness_dbfs double precision,
    snr_db double precision,
    gap_ms bigint,
    word_count double precision,
    audio_model_id text,
    text_model_id text,
    fusion_model_id text,
    language text,
    emitted_at timestamp with time zone,
    PRIMARY KEY (call_id, participant_id, window_start_ms)
);

CREATE TABLE "{schema}".call_summary (
    call_id text NOT NULL,
    participant_id text NOT NULL,
    role text,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    revision bigint NOT NULL,
    person_key text,
    score double precision,
    score_q1 double precision,
    score_q2 double precision,
    score_q3 double precision,
    score_q4 double precision,
    score_change double precision,
    windows_negative bigint,
    windows_neutral bigint,
    windows_positive bigint,
    talk_ms bigint,
    non_talk_ms bigint,
    interruptions bigint,
    talk_speed_wpm double precision,
    loudness_dbfs double precision,
    disagreement double precision,
    PRIMARY KEY (call_id, participant_id)
);

CREATE TABLE "{schema}".call_ledger (
    call_id text NOT NULL,
    participant_id text NOT NULL,
    revision bigint NOT NULL,
    chunks_expected bigint,
    chunks_seen bigint,
    chunks_duplicate bigint,
    chunks_missing bigint,
    chunks_rejected bigint,
    chunks_withheld bigint,
    missing_sequences text,
    utterances_expected bigint,
    utterances_seen bigint,
    utterances_partial_only bigint,
    windows_scored bigint,
    windows_missing text,
    windows_lost bigint,
    complete boolean,
    closed_by text,
    PRIMARY KEY (call_id, participant_id)
);

CREATE INDEX call_segment_window_start_at ON "{schema}".call_segment USING brin (window_start_at);

CREATE INDEX call_summary_started_at ON "{schema}".call_summary USING brin (started_at);

CREATE TABLE "{schema}".load_ledger (
    batch_id text NOT NULL,
    table_name text NOT NULL,
    num_rows bigint NOT NULL,
    num_merged bigint NOT NULL,
    max_revision bigint,
    loaded_at timestamp with time zone NOT NULL DEFAULT current_timestamp
);
