{{- /*
The environment of a component, as a YAML map by name: what later steps say replaces what earlier ones said, so that no name
stands twice (Helm 4 and server-side apply refuse that).
*/ -}}
{{- define "footfall.env" -}}
{{- $env := dict -}}
{{- range $part := list "footfall.env.port" "footfall.env.settings" "footfall.env.secrets" "footfall.env.kafka" "footfall.env.postgres" "footfall.env.retention" "footfall.env.traces" -}}
{{- $env = mustMergeOverwrite $env (include $part $ | fromYaml) -}}
{{- end -}}
{{- $env = mustMergeOverwrite $env (.env | default dict) -}}
{{- range .c.extraEnv -}}
{{- $_ := set $env .name (omit . "name") -}}
{{- end -}}
{{- range $name, $source := $env }}
- name: {{ $name }}
  {{- toYaml $source | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "footfall.env.port" -}}
{{- with .is.serves }}
FOOTFALL_{{ ternary "PORT" "PROBE_PORT" (eq . "http") }}: {value: "8080"}
{{- end }}
{{- end -}}

{{- /* drainSeconds: 5 becomes FOOTFALL_DRAIN_SECONDS. Numbers go through JSON, as Go would print a large one as 1e+06. */ -}}
{{- define "footfall.env.settings" -}}
{{- range $key, $value := .c.settings }}
{{- if not (kindIs "invalid" $value) }}
{{- $text := kindIs "slice" $value | ternary (join "," (kindIs "slice" $value | ternary $value list)) (kindIs "string" $value | ternary $value (toJson $value)) }}
FOOTFALL_{{ $key | snakecase | upper }}: {value: {{ $text | toString | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.env.secrets" -}}
{{- $secret := .c.existingSecret -}}
{{- range $key, $in := .c.secretKeys }}
{{- if and $secret $in }}
FOOTFALL_{{ $key | snakecase | upper }}: {{ include "footfall.fromSecret" (list $secret $in) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.fromSecret" -}}
{valueFrom: {secretKeyRef: {name: {{ first . | quote }}, key: {{ last . | quote }}}}}
{{- end -}}

{{- define "footfall.env.kafka" -}}
{{- if has "kafka" .is.needs }}
{{- $kafka := .root.Values.kafka }}
FOOTFALL_KAFKA_BOOTSTRAP: {value: {{ $kafka.bootstrap | quote }}}
FOOTFALL_KAFKA_SECURITY_PROTOCOL: {value: {{ $kafka.securityProtocol | quote }}}
{{- with $kafka.topicPrefix }}
FOOTFALL_TOPIC_PREFIX: {value: {{ . | quote }}}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- $secret := include "footfall.kafkaSecret" . }}
{{- $user := include "footfall.kafkaUser" . }}
FOOTFALL_KAFKA_SASL_MECHANISM: {value: {{ $kafka.sasl.mechanism | quote }}}
FOOTFALL_KAFKA_SASL_USERNAME: {{ if $user }}{value: {{ $user | quote }}}{{ else }}{{ include "footfall.fromSecret" (list $secret $kafka.sasl.usernameKey) }}{{ end }}
FOOTFALL_KAFKA_SASL_PASSWORD: {{ include "footfall.fromSecret" (list $secret $kafka.sasl.passwordKey) }}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if include "footfall.kafkaCa" .root }}
FOOTFALL_KAFKA_SSL_CA: {value: /etc/footfall/kafka-ca/ca.crt}
{{- end }}
{{- if include "footfall.kafkaCertificate" . }}
FOOTFALL_KAFKA_SSL_CERTIFICATE: {value: /etc/footfall/kafka-client/tls.crt}
FOOTFALL_KAFKA_SSL_KEY: {value: /etc/footfall/kafka-client/tls.key}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The user that a component signs in as: its own, else Strimzi's, else the common one. */ -}}
{{- define "footfall.kafkaUser" -}}
{{- $common := ternary (include "footfall.strimziUser" .) .root.Values.kafka.sasl.username .root.Values.strimzi.users.enabled -}}
{{- default $common .c.kafka.username -}}
{{- end -}}

{{- define "footfall.kafkaSecret" -}}
{{- $common := ternary (include "footfall.strimziUser" .) .root.Values.kafka.sasl.existingSecret .root.Values.strimzi.users.enabled -}}
{{- default $common .c.kafka.existingSecret -}}
{{- end -}}

{{- define "footfall.strimziUser" -}}
{{- printf "%s-%s" (include "footfall.fullname" .root) .name -}}
{{- end -}}

{{- /* The Secret with the client's certificate, where the protocol asks for one. */ -}}
{{- define "footfall.kafkaCertificate" -}}
{{- $values := .root.Values -}}
{{- if eq $values.kafka.securityProtocol "SSL" -}}
{{- $common := ternary (include "footfall.strimziUser" .) $values.kafka.clientCertificate.existingSecret $values.strimzi.users.enabled -}}
{{- default $common .c.kafka.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "footfall.kafkaCa" -}}
{{- $own := .Values.kafka.tls.existingSecret -}}
{{- default (ternary (printf "%s-cluster-ca-cert" .Values.strimzi.cluster) "" (ne .Values.strimzi.cluster "")) $own -}}
{{- end -}}

{{- define "footfall.env.postgres" -}}
{{- if has "postgres" .is.needs }}
FOOTFALL_POSTGRES_DSN: {{ include "footfall.fromSecret" (list (include "footfall.postgresSecret" .) (include "footfall.postgresKey" .)) }}
{{- /* These two libpq reads by itself; what the address says wins. */}}
{{- with include "footfall.postgresTls" .root }}
PGSSLMODE: {value: {{ . | quote }}}
{{- end }}
{{- if include "footfall.postgresCa" .root }}
PGSSLROOTCERT: {value: /etc/footfall/postgres-ca/ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{- /* What deletes events and what says when they are deleted get the same values. */ -}}
{{- define "footfall.env.retention" -}}
{{- if has .name (list "collector" "sinks" "dashboard" "maintenance") }}
{{- with .root.Values.retention }}
FOOTFALL_RETENTION_DAYS: {value: {{ toJson .days | quote }}}
FOOTFALL_PACK_AFTER_DAYS: {value: {{ toJson .packAfterDays | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.env.traces" -}}
{{- with .root.Values.traces.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "footfall.postgresCluster" -}}
{{- printf "%s-postgres" (include "footfall.fullname" .) -}}
{{- end -}}

{{- define "footfall.postgresSecret" -}}
{{- $cluster := printf "%s-app" (include "footfall.postgresCluster" .root) -}}
{{- $common := ternary $cluster .root.Values.postgres.existingSecret .root.Values.postgres.cluster.enabled -}}
{{- default $common .c.postgres.existingSecret -}}
{{- end -}}

{{- define "footfall.postgresKey" -}}
{{- $own := and .root.Values.postgres.cluster.enabled (not .c.postgres.existingSecret) -}}
{{- ternary "uri" .root.Values.postgres.dsnKey $own -}}
{{- end -}}

{{- define "footfall.postgresTls" -}}
{{- default (ternary "verify-full" "" .Values.postgres.cluster.enabled) .Values.postgres.tls.mode -}}
{{- end -}}

{{- define "footfall.postgresCa" -}}
{{- $cluster := printf "%s-ca" (include "footfall.postgresCluster" .) -}}
{{- default (ternary $cluster "" .Values.postgres.cluster.enabled) .Values.postgres.tls.existingSecret -}}
{{- end -}}
