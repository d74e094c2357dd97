{{- /* Values that depend on each other, which a schema cannot express. All faults are reported together, each with the name of its value. */ -}}
{{- define "footfall.validate" -}}
{{- $faults := list -}}
{{- range $part := list "kafka" "postgres" "collector" "dashboard" "replicas" "routes" "strimzi" "contract" -}}
{{- $found := include (printf "footfall.faults.%s" $part) $ | trim -}}
{{- if $found -}}
{{- $faults = concat $faults (splitList "\n" $found) -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\nThese values are missing or wrong:\n  %s\n" (join "\n  " $faults)) -}}
{{- end -}}
{{- end -}}

{{- define "footfall.faults.kafka" -}}
{{- with .Values.kafka }}
{{- if not .bootstrapServers }}
kafka.bootstrapServers is empty: set it to your brokers, as host:port,host:port.
{{- else if not (regexMatch "^[^:, ]+:[0-9]+(,[^:, ]+:[0-9]+)*$" .bootstrapServers) }}
kafka.bootstrapServers must be host:port,host:port without spaces, not {{ .bootstrapServers | quote }}.
{{- end }}
{{- if and (hasPrefix "SASL" .securityProtocol) (eq .sasl.mechanism "OAUTHBEARER") }}
{{- if ne 1 (len (without (list .oauth.tokenUrl .oauth.tokenFile .oauth.function) "")) }}
kafka.sasl.mechanism is OAUTHBEARER: set one of kafka.oauth.tokenUrl, kafka.oauth.tokenFile and kafka.oauth.function.
{{- else if and (not .oauth.tokenUrl) $.Values.sinks.autoscaling.enabled }}
sinks.autoscaling.enabled needs kafka.oauth.tokenUrl: KEDA signs in by itself, and knows neither your file nor your function.
{{- end }}
{{- end }}
{{- if and (include "footfall.hasKafkaPassword" $) (not $.Values.strimzi.users.enabled) }}
{{- range $name, $definition := include "footfall.components" $ | fromYaml }}
{{- $component := set (include "footfall.component" (dict "root" $ "name" $name) | fromYaml) "root" $ }}
{{- if and (has "kafka" $definition.needs) $component.values.enabled (not (include "footfall.kafkaSecret" $component)) }}
kafka.sasl.existingSecret (or {{ $definition.valuesKey }}.kafka.existingSecret) is empty: with {{ $.Values.kafka.securityProtocol }}, {{ $name }} needs a Secret with its password.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.postgres" -}}
{{- $postgres := .Values.postgres }}
{{- if and $postgres.cluster.enabled $postgres.existingSecret }}
postgres.existingSecret and postgres.cluster.enabled are both set; choose one.
{{- end }}
{{- if not $postgres.cluster.enabled }}
{{- range $name, $definition := include "footfall.components" $ | fromYaml }}
{{- $component := set (include "footfall.component" (dict "root" $ "name" $name) | fromYaml) "root" $ }}
{{- if and (has "postgres" $component.needs) (include "footfall.hasPods" $component) (not (include "footfall.postgresSecret" $component)) }}
postgres.existingSecret (or {{ $definition.valuesKey }}.postgres.existingSecret) is empty: {{ $name }} needs a Secret with the DSN of Postgres under the key {{ $postgres.dsnKey }}.
{{- end }}
{{- end }}
{{- end }}
{{- if and (hasPrefix "verify" $postgres.tls.mode) (not (include "footfall.postgresCaSecret" .)) }}
postgres.tls.existingSecret is empty: {{ $postgres.tls.mode }} needs the CA certificates that the server's certificate is checked against.
{{- end }}
{{- end -}}

{{- define "footfall.faults.collector" -}}
{{- with .Values.collector }}
{{- if .enabled }}
{{- if not .existingSecret }}
collector.existingSecret is empty: the collector needs a Secret with the key {{ .secretKeys.hashKey }}{{ with .secretKeys.sessionKey }} and the key {{ . }}{{ end }}. The chart generates no keys: if the hash key were lost, every user would become a new one.
{{- end }}
{{- if not .secretKeys.hashKey }}
collector.secretKeys.hashKey is empty: users are stored only as hashes made with this key.
{{- end }}
{{- if and .secretKeys.sessionKey .settings.sessionJwksUrl }}
collector.settings.sessionJwksUrl and collector.secretKeys.sessionKey are both set: set collector.secretKeys.sessionKey to null to take the keys from the URL.
{{- else if not (or .secretKeys.sessionKey .settings.sessionJwksUrl) }}
collector.secretKeys.sessionKey is empty: set it to the Secret's key that holds the session key, or set collector.settings.sessionJwksUrl.
{{- end }}
{{- if ne (toString .settings.eventsPerMinute) (toString $.Values.streamApp.settings.eventsPerMinute) }}
collector.settings.eventsPerMinute and streamApp.settings.eventsPerMinute differ: it is one rate limit, and both must use the same value.
{{- end }}
{{- $needed := add (.settings.drainSeconds | default 0 | ceil | int) 15 }}
{{- $grace := get . "terminationGracePeriodSeconds" | default $.Values.pod.terminationGracePeriodSeconds }}
{{- if lt ($grace | int) ($needed | int) }}
collector.terminationGracePeriodSeconds is {{ $grace }}: with collector.settings.drainSeconds it must be {{ $needed }} or more, so that pending events reach Kafka before the pod stops.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.dashboard" -}}
{{- with .Values.dashboard }}
{{- if and .enabled .existingSecret .secretKeys.sessionKey .settings.sessionJwksUrl }}
dashboard.settings.sessionJwksUrl and dashboard.secretKeys.sessionKey are both set: choose one.
{{- end }}
{{- $settings := .settings }}
{{- range $name := list "dashboardRole" "dashboardEditorRole" }}
{{- if and $.Values.dashboard.enabled (index $settings $name) (not (or $settings.sessionJwksUrl (and $.Values.dashboard.existingSecret $.Values.dashboard.secretKeys.sessionKey))) }}
dashboard.settings.{{ $name }} needs sessions: set dashboard.settings.sessionJwksUrl, or dashboard.existingSecret and dashboard.secretKeys.sessionKey.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.replicas" -}}
{{- $partitions := .Values.topics.partitions | int }}
{{- if gt (.Values.topics.minInsyncReplicas | int) (.Values.topics.replicationFactor | int) }}
topics.minInsyncReplicas is {{ .Values.topics.minInsyncReplicas }}, more than topics.replicationFactor ({{ .Values.topics.replicationFactor }}): nothing could be published.
{{- end }}
{{- if gt (.Values.streamApp.replicas | int) $partitions }}
streamApp.replicas is {{ .Values.streamApp.replicas }}, more than topics.partitions ({{ $partitions }}): the extra pods would get no partition and never be ready.
{{- end }}
{{- with .Values.sinks }}
{{- if and (not .autoscaling.enabled) (gt (.replicas | int) $partitions) }}
sinks.replicas is {{ .replicas }}, more than topics.partitions ({{ $partitions }}): the extra pods would get no partition and never be ready.
{{- end }}
{{- if and .autoscaling.enabled (gt (.autoscaling.maxReplicas | int) $partitions) }}
sinks.autoscaling.maxReplicas is {{ .autoscaling.maxReplicas }}, more than topics.partitions ({{ $partitions }}): the extra pods would get no partition and never be ready.
{{- end }}
{{- end }}
{{- range $key := list "collector" "sinks" }}
{{- $scaling := (get $.Values $key).autoscaling }}
{{- if and $scaling.enabled (gt ($scaling.minReplicas | int) ($scaling.maxReplicas | int)) }}
{{ $key }}.autoscaling.minReplicas is {{ $scaling.minReplicas }}, more than {{ $key }}.autoscaling.maxReplicas ({{ $scaling.maxReplicas }}).
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.routes" -}}
{{- range $key := list "collector" "dashboard" "registry" }}
{{- $values := get $.Values $key }}
{{- if $values.ingress.enabled }}
{{- if not $values.ingress.hosts }}
{{ $key }}.ingress.hosts is empty: set the host names.
{{- end }}
{{- if not $values.ingress.tlsSecret }}
{{ $key }}.ingress.tlsSecret is empty: set the Secret with the certificate.
{{- end }}
{{- end }}
{{- if $values.httpRoute.enabled }}
{{- if not $values.httpRoute.parentRefs }}
{{ $key }}.httpRoute.parentRefs is empty: set the Gateway.
{{- end }}
{{- if not $values.httpRoute.hostnames }}
{{ $key }}.httpRoute.hostnames is empty: set the host names.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.strimzi" -}}
{{- with .Values.strimzi }}
{{- if and (or .topics.enabled .users.enabled) (not .cluster) }}
strimzi.cluster is empty: set the name of the Kafka object that the topics and users belong to.
{{- end }}
{{- if .users.enabled }}
{{- $tls := eq .users.authentication "tls" }}
{{- if and $tls (ne $.Values.kafka.securityProtocol "SSL") }}
strimzi.users.authentication is tls: kafka.securityProtocol must be SSL, not {{ $.Values.kafka.securityProtocol }}.
{{- else if and (not $tls) (not (hasPrefix "SASL" $.Values.kafka.securityProtocol)) }}
strimzi.users.authentication is scram-sha-512: kafka.securityProtocol must be SASL_SSL or SASL_PLAINTEXT, not {{ $.Values.kafka.securityProtocol }}.
{{- else if and (not $tls) (ne $.Values.kafka.sasl.mechanism "SCRAM-SHA-512") }}
strimzi.users.authentication is scram-sha-512: kafka.sasl.mechanism must be SCRAM-SHA-512, not {{ $.Values.kafka.sasl.mechanism }}.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.contract" -}}
{{- with .Values.contract }}
{{- if gt (len (compact (list .existingConfigMap (ternary "files" "" (gt (len .files) 0)) (ternary "volume" "" (gt (len .volume) 0))))) 1 }}
contract.files, contract.existingConfigMap and contract.volume: set only one of them.
{{- end }}
{{- if and .revision (not (include "footfall.contractVolume" $)) }}
contract.revision is set, and there is no contract: set contract.files, contract.existingConfigMap or contract.volume.
{{- end }}
{{- end }}
{{- end -}}
