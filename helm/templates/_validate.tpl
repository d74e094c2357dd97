{{- /* What a schema cannot say: values that need each other. All faults are told at once, each with the name of its value. */ -}}
{{- define "footfall.validate" -}}
{{- $faults := list -}}
{{- range $part := list "kafka" "postgres" "collector" "dashboard" "sizes" "reached" "strimzi" -}}
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
{{- if not .bootstrap }}
kafka.bootstrap is empty: name your brokers, as host:port,host:port.
{{- else if not (regexMatch "^[^:, ]+:[0-9]+(,[^:, ]+:[0-9]+)*$" .bootstrap) }}
kafka.bootstrap must be host:port,host:port without spaces, not {{ .bootstrap | quote }}.
{{- end }}
{{- if and (hasPrefix "SASL" .securityProtocol) (not $.Values.strimzi.users.enabled) }}
{{- range $name, $is := include "footfall.components" $ | fromYaml }}
{{- $scope := set (include "footfall.scope" (dict "root" $ "name" $name) | fromYaml) "root" $ }}
{{- if and (has "kafka" $is.needs) $scope.c.enabled (not (include "footfall.kafkaSecret" $scope)) }}
kafka.sasl.existingSecret (or {{ $is.key }}.kafka.existingSecret) is empty: with {{ $.Values.kafka.securityProtocol }} the {{ $name }} needs a Secret with its password.
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
{{- range $name, $is := include "footfall.components" $ | fromYaml }}
{{- $scope := set (include "footfall.scope" (dict "root" $ "name" $name) | fromYaml) "root" $ }}
{{- if and (has "postgres" $scope.is.needs) (include "footfall.runs" $scope) (not (include "footfall.postgresSecret" $scope)) }}
postgres.existingSecret (or {{ $is.key }}.postgres.existingSecret) is empty: {{ $name }} needs a Secret with the address of Postgres under the key {{ $postgres.dsnKey }}.
{{- end }}
{{- end }}
{{- end }}
{{- if and (hasPrefix "verify" $postgres.tls.mode) (not (include "footfall.postgresCa" .)) }}
postgres.tls.existingSecret is empty: {{ $postgres.tls.mode }} needs the authorities that sign the server's certificate.
{{- end }}
{{- end -}}

{{- define "footfall.faults.collector" -}}
{{- with .Values.collector }}
{{- if .enabled }}
{{- if not .existingSecret }}
collector.existingSecret is empty: it needs a Secret with the key {{ .secretKeys.hashKey }}{{ with .secretKeys.sessionKey }} and the key {{ . }}{{ end }}. Nothing is generated, as a lost key would make every user a new one.
{{- end }}
{{- if not .secretKeys.hashKey }}
collector.secretKeys.hashKey is empty: users are only ever stored as hashes under this key.
{{- end }}
{{- if and .secretKeys.sessionKey .settings.sessionJwksUrl }}
collector.settings.sessionJwksUrl and collector.secretKeys.sessionKey are both set: set collector.secretKeys.sessionKey to null to take the keys from the address.
{{- else if not (or .secretKeys.sessionKey .settings.sessionJwksUrl) }}
collector.secretKeys.sessionKey is empty: name the key of the Secret with what signs the sessions, or set collector.settings.sessionJwksUrl.
{{- end }}
{{- if ne (toString .settings.eventsPerMinute) (toString $.Values.streamApp.settings.eventsPerMinute) }}
collector.settings.eventsPerMinute and streamApp.settings.eventsPerMinute differ: it is one limit, which both must know.
{{- end }}
{{- $needed := add (.settings.drainSeconds | default 0 | ceil | int) 15 }}
{{- $grace := get . "terminationGracePeriodSeconds" | default $.Values.pod.terminationGracePeriodSeconds }}
{{- if lt ($grace | int) ($needed | int) }}
collector.terminationGracePeriodSeconds is {{ $grace }}: with collector.settings.drainSeconds it needs {{ $needed }} or more to hand over what waits.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.dashboard" -}}
{{- with .Values.dashboard }}
{{- if and .enabled .existingSecret .secretKeys.sessionKey .settings.sessionJwksUrl }}
dashboard.settings.sessionJwksUrl and dashboard.secretKeys.sessionKey are both set: choose one.
{{- end }}
{{- if and .enabled .settings.dashboardRole }}
{{- if not (or .settings.sessionJwksUrl (and .existingSecret .secretKeys.sessionKey)) }}
dashboard.settings.dashboardRole needs sessions: set dashboard.settings.sessionJwksUrl, or dashboard.existingSecret and dashboard.secretKeys.sessionKey.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.sizes" -}}
{{- $partitions := .Values.topics.partitions | int }}
{{- if gt (.Values.topics.minInsyncReplicas | int) (.Values.topics.replicationFactor | int) }}
topics.minInsyncReplicas is {{ .Values.topics.minInsyncReplicas }}, more than topics.replicationFactor ({{ .Values.topics.replicationFactor }}): nothing could be written.
{{- end }}
{{- if gt (.Values.streamApp.replicas | int) $partitions }}
streamApp.replicas is {{ .Values.streamApp.replicas }}, more than topics.partitions ({{ $partitions }}): the others would never be ready.
{{- end }}
{{- with .Values.sinks }}
{{- if and (not .autoscaling.enabled) (gt (.replicas | int) $partitions) }}
sinks.replicas is {{ .replicas }}, more than topics.partitions ({{ $partitions }}): the others would never be ready.
{{- end }}
{{- if and .autoscaling.enabled (gt (.autoscaling.maxReplicas | int) $partitions) }}
sinks.autoscaling.maxReplicas is {{ .autoscaling.maxReplicas }}, more than topics.partitions ({{ $partitions }}): the others would never be ready.
{{- end }}
{{- end }}
{{- range $key := list "collector" "sinks" }}
{{- $scaling := (get $.Values $key).autoscaling }}
{{- if and $scaling.enabled (gt ($scaling.minReplicas | int) ($scaling.maxReplicas | int)) }}
{{ $key }}.autoscaling.minReplicas is {{ $scaling.minReplicas }}, more than {{ $key }}.autoscaling.maxReplicas ({{ $scaling.maxReplicas }}).
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.reached" -}}
{{- range $key := list "collector" "dashboard" "registry" }}
{{- $c := get $.Values $key }}
{{- if $c.ingress.enabled }}
{{- if not $c.ingress.hosts }}
{{ $key }}.ingress.hosts is empty: name the hosts.
{{- end }}
{{- if not $c.ingress.tlsSecret }}
{{ $key }}.ingress.tlsSecret is empty: name the Secret with the certificate.
{{- end }}
{{- end }}
{{- if $c.httpRoute.enabled }}
{{- if not $c.httpRoute.parentRefs }}
{{ $key }}.httpRoute.parentRefs is empty: name the Gateway.
{{- end }}
{{- if not $c.httpRoute.hostnames }}
{{ $key }}.httpRoute.hostnames is empty: name the hosts.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footfall.faults.strimzi" -}}
{{- with .Values.strimzi }}
{{- if and (or .topics.enabled .users.enabled) (not .cluster) }}
strimzi.cluster is empty: name the Kafka object that topics and users belong to.
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
