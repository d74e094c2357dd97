{{- /*
The environment of a component. It is collected as a map, in which later parts replace earlier ones, so that no name appears
twice: Helm 4 and server-side apply reject that.
*/ -}}
{{- define "footfall.env" -}}
{{- $env := dict -}}
{{- range $part := list "footfall.env.port" "footfall.env.settings" "footfall.env.secrets" "footfall.env.kafka" "footfall.env.postgres" "footfall.env.retention" "footfall.env.contract" "footfall.env.tracing" -}}
{{- $env = mustMergeOverwrite $env (include $part $ | fromYaml) -}}
{{- end -}}
{{- $env = mustMergeOverwrite $env (.env | default dict) -}}
{{- range .values.extraEnv -}}
{{- $_ := set $env .name (omit . "name") -}}
{{- end -}}
{{- range $name, $source := $env }}
- name: {{ $name }}
  {{- toYaml $source | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "footfall.env.port" -}}
{{- with .portName }}
FOOTFALL_{{ ternary "PORT" "PROBE_PORT" (eq . "http") }}: {value: "8080"}
{{- end }}
{{- end -}}

{{- /* drainSeconds: 5 becomes FOOTFALL_DRAIN_SECONDS. Numbers are written as JSON, because Go prints large ones as 1e+06. */ -}}
{{- define "footfall.env.settings" -}}
{{- range $key, $value := .values.settings }}
{{- if not (kindIs "invalid" $value) }}
{{- $text := kindIs "slice" $value | ternary (join "," (kindIs "slice" $value | ternary $value list)) (kindIs "string" $value | ternary $value (toJson $value)) }}
FOOTFALL_{{ $key | snakecase | upper }}: {value: {{ $text | toString | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.env.secrets" -}}
{{- $secret := .values.existingSecret -}}
{{- range $key, $secretKey := .values.secretKeys }}
{{- /* API keys are a file: see dashboard/deployment.yaml. */}}
{{- if and $secret $secretKey (ne $key "dashboardKeys") }}
FOOTFALL_{{ $key | snakecase | upper }}: {{ include "footfall.secretKeyRef" (list $secret $secretKey) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.secretKeyRef" -}}
{valueFrom: {secretKeyRef: {name: {{ first . | quote }}, key: {{ last . | quote }}}}}
{{- end -}}

{{- define "footfall.env.kafka" -}}
{{- if has "kafka" .needs }}
{{- $kafka := .root.Values.kafka }}
FOOTFALL_KAFKA_BOOTSTRAP: {value: {{ $kafka.bootstrapServers | quote }}}
FOOTFALL_KAFKA_SECURITY_PROTOCOL: {value: {{ $kafka.securityProtocol | quote }}}
{{- with $kafka.topicPrefix }}
FOOTFALL_TOPIC_PREFIX: {value: {{ . | quote }}}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- $secret := include "footfall.kafkaSecret" . }}
{{- $user := include "footfall.kafkaUser" . }}
FOOTFALL_KAFKA_SASL_MECHANISM: {value: {{ $kafka.sasl.mechanism | quote }}}
{{- if eq $kafka.sasl.mechanism "OAUTHBEARER" }}
{{- with $kafka.oauth.tokenFile }}
FOOTFALL_KAFKA_OAUTH_TOKEN_FILE: {value: {{ . | quote }}}
{{- end }}
{{- with $kafka.oauth.function }}
FOOTFALL_KAFKA_OAUTH_FUNCTION: {value: {{ . | quote }}}
{{- end }}
{{- with $kafka.oauth.tokenUrl }}
FOOTFALL_KAFKA_OAUTH_TOKEN_URL: {value: {{ . | quote }}}
FOOTFALL_KAFKA_OAUTH_SCOPE: {value: {{ $kafka.oauth.scope | quote }}}
FOOTFALL_KAFKA_OAUTH_CLIENT_ID: {{ if $user }}{value: {{ $user | quote }}}{{ else }}{{ include "footfall.secretKeyRef" (list $secret $kafka.sasl.usernameKey) }}{{ end }}
FOOTFALL_KAFKA_OAUTH_CLIENT_SECRET: {{ include "footfall.secretKeyRef" (list $secret $kafka.sasl.passwordKey) }}
{{- end }}
{{- else }}
FOOTFALL_KAFKA_SASL_USERNAME: {{ if $user }}{value: {{ $user | quote }}}{{ else }}{{ include "footfall.secretKeyRef" (list $secret $kafka.sasl.usernameKey) }}{{ end }}
FOOTFALL_KAFKA_SASL_PASSWORD: {{ include "footfall.secretKeyRef" (list $secret $kafka.sasl.passwordKey) }}
{{- end }}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if include "footfall.kafkaCaSecret" .root }}
FOOTFALL_KAFKA_SSL_CA: {value: /etc/footfall/kafka-ca/ca.crt}
{{- end }}
{{- if include "footfall.kafkaCertificateSecret" . }}
FOOTFALL_KAFKA_SSL_CERTIFICATE: {value: /etc/footfall/kafka-client/tls.crt}
FOOTFALL_KAFKA_SSL_KEY: {value: /etc/footfall/kafka-client/tls.key}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Not empty if clients sign in with a password or a secret. */ -}}
{{- define "footfall.hasKafkaPassword" -}}
{{- with .Values.kafka }}
{{- if and (hasPrefix "SASL" .securityProtocol) (or (ne .sasl.mechanism "OAUTHBEARER") .oauth.tokenUrl) }}yes{{ end }}
{{- end }}
{{- end -}}

{{- /* The Kafka user of a component: its own, else the one that Strimzi makes, else the shared one. */ -}}
{{- define "footfall.kafkaUser" -}}
{{- $shared := ternary (include "footfall.strimziUserName" .) .root.Values.kafka.sasl.username .root.Values.strimzi.users.enabled -}}
{{- default $shared .values.kafka.username -}}
{{- end -}}

{{- define "footfall.kafkaSecret" -}}
{{- $shared := ternary (include "footfall.strimziUserName" .) .root.Values.kafka.sasl.existingSecret .root.Values.strimzi.users.enabled -}}
{{- default $shared .values.kafka.existingSecret -}}
{{- end -}}

{{- define "footfall.strimziUserName" -}}
{{- printf "%s-%s" (include "footfall.fullname" .root) .name -}}
{{- end -}}

{{- /* The Secret with the client certificate; empty unless the protocol is mTLS. */ -}}
{{- define "footfall.kafkaCertificateSecret" -}}
{{- $values := .root.Values -}}
{{- if eq $values.kafka.securityProtocol "SSL" -}}
{{- $shared := ternary (include "footfall.strimziUserName" .) $values.kafka.clientCertificate.existingSecret $values.strimzi.users.enabled -}}
{{- default $shared .values.kafka.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "footfall.kafkaCaSecret" -}}
{{- $own := .Values.kafka.tls.existingSecret -}}
{{- default (ternary (printf "%s-cluster-ca-cert" .Values.strimzi.cluster) "" (ne .Values.strimzi.cluster "")) $own -}}
{{- end -}}

{{- define "footfall.env.postgres" -}}
{{- if has "postgres" .needs }}
FOOTFALL_POSTGRES_DSN: {{ include "footfall.secretKeyRef" (list (include "footfall.postgresSecret" .) (include "footfall.postgresSecretKey" .)) }}
FOOTFALL_POSTGRES_SCHEMA: {value: {{ .root.Values.postgres.schema | quote }}}
{{- /* libpq reads these two itself; the DSN's own parameters win. */}}
{{- with include "footfall.postgresTlsMode" .root }}
PGSSLMODE: {value: {{ . | quote }}}
{{- end }}
{{- if include "footfall.postgresCaSecret" .root }}
PGSSLROOTCERT: {value: /etc/footfall/postgres-ca/ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Everything that deletes events, or shows for how long they are retained, gets the same values. */ -}}
{{- define "footfall.env.retention" -}}
{{- if has .name (list "collector" "sinks" "dashboard" "maintenance") }}
{{- with .root.Values.retention }}
FOOTFALL_RETENTION_DAYS: {value: {{ toJson .days | quote }}}
FOOTFALL_PACK_AFTER_DAYS: {value: {{ toJson .packAfterDays | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- /* A team's own event types. The smoke test sends one of footfall's. */ -}}
{{- define "footfall.env.contract" -}}
{{- if and (ne .name "test") (include "footfall.contractVolume" .root) }}
FOOTFALL_CONTRACT: {value: /etc/footfall/contract}
{{- end }}
{{- end -}}

{{- /* The volume with a team's own event types; empty without any. */ -}}
{{- define "footfall.contractVolume" -}}
{{- with .Values.contract -}}
{{- $configMap := default (ternary (printf "%s-contract" (include "footfall.fullname" $)) "" (gt (len .files) 0)) .existingConfigMap -}}
{{- if $configMap -}}
{{- dict "configMap" (dict "name" $configMap) | toYaml -}}
{{- else if .volume -}}
{{- toYaml .volume -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Annotations with which pods restart when the event types change. */ -}}
{{- define "footfall.contractAnnotations" -}}
{{- if and (ne .name "test") (include "footfall.contractVolume" .root) }}
{{- with .root.Values.contract.files }}
checksum/contract: {{ toJson . | sha256sum }}
{{- end }}
{{- with .root.Values.contract.revision }}
footfall/contract-revision: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.env.tracing" -}}
{{- with .root.Values.tracing.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "footfall.postgresClusterName" -}}
{{- printf "%s-postgres" (include "footfall.fullname" .) -}}
{{- end -}}

{{- define "footfall.postgresSecret" -}}
{{- $cluster := printf "%s-app" (include "footfall.postgresClusterName" .root) -}}
{{- $shared := ternary $cluster .root.Values.postgres.existingSecret .root.Values.postgres.cluster.enabled -}}
{{- default $shared .values.postgres.existingSecret -}}
{{- end -}}

{{- define "footfall.postgresSecretKey" -}}
{{- $own := and .root.Values.postgres.cluster.enabled (not .values.postgres.existingSecret) -}}
{{- ternary "uri" .root.Values.postgres.dsnKey $own -}}
{{- end -}}

{{- define "footfall.postgresTlsMode" -}}
{{- default (ternary "verify-full" "" .Values.postgres.cluster.enabled) .Values.postgres.tls.mode -}}
{{- end -}}

{{- define "footfall.postgresCaSecret" -}}
{{- $cluster := printf "%s-ca" (include "footfall.postgresClusterName" .) -}}
{{- default (ternary $cluster "" .Values.postgres.cluster.enabled) .Values.postgres.tls.existingSecret -}}
{{- end -}}
