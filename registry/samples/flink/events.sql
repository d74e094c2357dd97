-- Flink SQL reads `events`, all event types, as one table. A column of `event_data` that an event's type does not have
-- is null. Take the columns that you need: the catalogue lists the fields of each type.
SET 'execution.runtime-mode' = 'batch';
SET 'parallelism.default' = '1';
SET 'sql-client.execution.result-mode' = 'tableau';

CREATE TEMPORARY TABLE events (
  event_id STRING,
  event_type STRING,
  occurred_at TIMESTAMP(3),
  received_at TIMESTAMP(3),
  time_flag STRING,
  site STRING,
  user_key STRING,
  visitor_key STRING,
  country STRING,
  device ROW<browser STRING, `system` STRING, kind STRING, bot STRING>,
  page STRING,
  channel STRING,
  event_data ROW<
    page STRING, referrer STRING, title STRING,
    button STRING,
    form STRING, success BOOLEAN, field_count INT,
    metric STRING, `value` DOUBLE,
    message STRING, line INT,
    properties STRING
  >,
  `partition` INT METADATA VIRTUAL,
  `offset` BIGINT METADATA VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = 'events',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'subscriber-flink',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset', -- without this and with the mode 'streaming', queries go on for ever
  'format' = 'avro-confluent',
  'avro-confluent.url' = 'http://localhost:3000/registry'
);

-- A view per event type.
CREATE TEMPORARY VIEW page_views AS
  SELECT event_id, occurred_at, device.kind AS device, event_data.page, event_data.referrer, event_data.title
  FROM events WHERE event_type = 'page_view';

CREATE TEMPORARY VIEW form_submits AS
  SELECT event_id, occurred_at, event_data.form, event_data.success, event_data.field_count
  FROM events WHERE event_type = 'form_submit';

CREATE TEMPORARY VIEW web_vitals AS
  SELECT event_id, occurred_at, event_data.page, event_data.metric, event_data.`value`
  FROM events WHERE event_type = 'web_vital';

-- A custom event has all of its data in `properties`.
CREATE TEMPORARY VIEW features_used AS
  SELECT
    event_id,
    occurred_at,
    JSON_VALUE(event_data.properties, '$.feature') AS feature,
    JSON_VALUE(event_data.properties, '$.seconds' RETURNING DOUBLE) AS seconds,
    JSON_VALUE(event_data.properties, '$.filter.country') AS country,
    JSON_QUERY(event_data.properties, '$.columns') AS `columns`
  FROM events WHERE event_type = 'feature_used';

SELECT event_type, COUNT(*) AS events, COUNT(DISTINCT event_id) AS ids FROM events GROUP BY event_type;
SELECT page, device, referrer FROM page_views;
SELECT form, success, field_count FROM form_submits;
SELECT metric, `value`, page FROM web_vitals;
SELECT feature, seconds, country, `columns` FROM features_used;
