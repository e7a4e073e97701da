-- Views for daily use. Hours are those of the session's time zone in PostgreSQL, UTC in Redshift.

-- How people sounded in an agent's calls: windows and mean score by agent, hour, role and label.
-- An agent is the pseudonym where there is one, else the participant of the call.
CREATE VIEW "{schema}".sentiment_by_agent_hour AS
SELECT
    COALESCE(agent.person_key, agent.participant_id) AS agent_id,
    DATE_TRUNC('hour', segment.window_start_at) AS hour_start,
    segment.role AS role,
    segment.fused_label AS label,
    COUNT(*) AS num_windows,
    AVG(segment.score) AS mean_score
FROM "{schema}".call_segment AS segment
INNER JOIN "{schema}".call_summary AS agent
    ON segment.call_id = agent.call_id AND agent.role = 'agent'
WHERE
    segment.fused_label IS NOT NULL
    AND (segment.role = 'customer' OR segment.participant_id = agent.participant_id)
GROUP BY
    COALESCE(agent.person_key, agent.participant_id),
    DATE_TRUNC('hour', segment.window_start_at),
    segment.role,
    segment.fused_label;

-- Customers who were less content in the last quarter of a call than in the first.
CREATE VIEW "{schema}".falling_call AS
SELECT
    call_id,
    participant_id,
    started_at,
    ended_at,
    score,
    score_q1,
    score_q4,
    score_change
FROM "{schema}".call_summary
WHERE role = 'customer' AND score_change < 0;

-- Windows whose words say another thing than the voice, with what each says.
CREATE VIEW "{schema}".voice_against_words AS
SELECT
    call_id,
    participant_id,
    window_start_ms,
    window_start_at,
    role,
    voice_label,
    words_label,
    fused_label,
    score,
    disagreement
FROM (
    SELECT
        call_id,
        participant_id,
        window_start_ms,
        window_start_at,
        role,
        fused_label,
        score,
        disagreement,
        CASE GREATEST(audio_negative, audio_neutral, audio_positive)
            WHEN audio_neutral THEN 'neutral'
            WHEN audio_negative THEN 'negative'
            ELSE 'positive'
        END AS voice_label,
        CASE GREATEST(text_negative, text_neutral, text_positive)
            WHEN text_neutral THEN 'neutral'
            WHEN text_negative THEN 'negative'
            ELSE 'positive'
        END AS words_label
    FROM "{schema}".call_segment
    WHERE disagreement IS NOT NULL
) AS labelled
WHERE voice_label <> words_label;
