"""Every private name of faust, mode and aiokafka that production code uses, in one place, and who may use them.

The versions are pinned exactly. `test_private_names.py` fails when a new version changes one of these names, and when
a module uses one that is not listed here.
"""

# The only modules, or packages, that may use private names.
ADAPTERS = (
    "service_kit.kafka.follower",
    "service_kit.kafka.membership",
    "service_kit.kafka.reconnecting_client",
    "service_kit.kafka.sign_in",
    "service_kit.kafka.consumer",
    "stream_app.engine",
    "producer_api.storage.producer",
    "service_kit.kafka.consumer_protocol",
    "service_kit.kafka.topic_log",
    "service_kit.kafka.fetches",
    "service_kit.kafka.batch_limits",
    "footfall.doctor.kafka",
    "footfall.kafka.topic_changes",
)

# Class -> names that are overridden, called or read. A dotted path is module and class.
NAMES: dict[str, tuple[str, ...]] = {
    "faust.transport.drivers.aiokafka.Consumer": (
        "_wait_next_records",
        "_to_message",
        "_filter_tps_with_pending_acks",
        "_new_offset",
        "_add_gap",
        "_new_consumer_thread",
        "getmany",
        "_getmany",
        "stop_flow",
        "subscribe",
        "perform_seek",
        "seek",
        "pause_partitions",
        "resume_partitions",
        "seek_to_committed",
        "verify_event_path",
        "wait_empty",
    ),
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread": ("_create_worker_consumer",),
    "faust.transport.drivers.aiokafka.Producer": ("_settings_extra", "_ensure_producer"),
    "faust.tables.base.Collection": ("apply_changelog_batch", "on_recovery_completed", "on_rebalance"),
    "faust.App": ("_create_directories",),
    "faust.worker.Worker": ("_setup_logging",),
    "aiokafka.consumer.fetcher.PartitionRecords": ("_consumer_record", "_unpack_records"),
    "aiokafka.record.memory_records._MemoryRecordsPy": ("has_next", "next_batch", "size_in_bytes"),
    "aiokafka.record.default_records._DefaultRecordBatchPy": ("_read_msg", "validate_crc"),
    "aiokafka.consumer.fetcher.FetchResult": ("getall",),
    "aiokafka.consumer.fetcher.Fetcher": ("close",),
    "aiokafka.AIOKafkaProducer": ("create_batch", "send_batch"),
    "aiokafka.producer.message_accumulator.MessageAccumulator": ("fail_all", "_append_batch"),
    "aiokafka.producer.transaction_manager.TransactionManager": ("increment_sequence_number",),
    "aiokafka.AIOKafkaConsumer": ("getmany",),
    "aiokafka.client.AIOKafkaClient": (
        "add_topic",
        "force_metadata_update",
        "get_random_node",
        "send",
        "bootstrap",
        "close",
        "coordinator_lookup",
        "_metadata_update",
    ),
    "aiokafka.cluster.ClusterMetadata": ("update_metadata",),
    "aiokafka.consumer.group_coordinator.GroupCoordinator": (
        "_send_req",
        "_coordination_routine",
        "_push_error_to_user",
    ),
    "aiokafka.conn.AIOKafkaConnection": ("connected", "authenticator_oauth", "_do_sasl_handshake"),
    "aiokafka.conn.OAuthAuthenticator": ("step",),
}

# Attributes that instances get in `__init__`: class -> the source line that must still be there.
ASSIGNMENTS: dict[str, tuple[str, ...]] = {
    "faust.transport.consumer.Consumer": (
        "self._acked =",
        "self._acked_index =",
        "self._read_offset =",
        "self._committed_offset =",
        "self._buffered_partitions =",
    ),
    "faust.transport.consumer.ThreadDelegateConsumer": ("self._thread =",),
    "faust.tables.recovery.Recovery": ("self.active_offsets =",),
    "aiokafka.AIOKafkaProducer": ("self._sender =", "self._message_accumulator =", "self._txn_manager ="),
    "aiokafka.producer.message_accumulator.MessageAccumulator": ("self._closed =", "self._exception ="),
    "aiokafka.producer.message_accumulator.MessageBatch": ("self.future =",),
    "aiokafka.consumer.fetcher.PartitionRecords": (
        "self._tp =",
        "self._records =",
        "self._check_crcs =",
        "self.next_fetch_offset =",
    ),
    "aiokafka.record.memory_records._MemoryRecordsPy": ("self._next_slice =",),
    "aiokafka.record.default_records._DefaultRecordBatchPy": ("self._buffer =",),
    "aiokafka.AIOKafkaConsumer": (
        "self._fetch_max_wait_ms =",
        "self._isolation_level =",
        "self._client =",
    ),
    "aiokafka.consumer.fetcher.FetchResult": ("self._partition_records =", "self._topic_partition ="),
    "aiokafka.consumer.fetcher.Fetcher": (
        "MemoryRecords(part_data[-1])",
        "FetchResult(",
        "self._fetch_task =",
        "self._pending_tasks =",
    ),
    "aiokafka.admin.AIOKafkaAdminClient": ("self._client =",),
    "aiokafka.client.AIOKafkaClient": (
        "self._conns =",
        "self.cluster =",
        "self._client_id =",
        "self._request_timeout_ms =",
        "self._ssl_context =",
        "self._security_protocol =",
        "self._connections_max_idle_ms =",
        "self._sasl_mechanism =",
        "self._sasl_plain_username =",
        "self._sasl_plain_password =",
        "self._sasl_oauth_token_provider =",
    ),
    "aiokafka.consumer.group_coordinator.GroupCoordinator": (
        "self._closing =",
        "self._session_timeout_ms =",
        "self._group_instance_id =",
    ),
    "aiokafka.conn.AIOKafkaConnection": (
        "self._versions =",
        "self._sasl_mechanism =",
        "self._sasl_oauth_token_provider =",
    ),
}
