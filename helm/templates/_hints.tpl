{{- /* Values that are allowed and worth a second look, one per line. */ -}}
{{- define "footfall.hints" -}}
{{- with .Values }}
{{- if not (or .image.registry .global.imageRegistry) }}
image.registry is empty: the images must already be on the nodes.
{{- end }}
{{- if not (hasSuffix "SSL" .kafka.securityProtocol) }}
kafka.securityProtocol is {{ .kafka.securityProtocol }}: events are sent to Kafka unencrypted.
{{- end }}
{{- if lt (.topics.replicationFactor | int) 3 }}
topics.replicationFactor is {{ .topics.replicationFactor }}: losing one broker can lose the events of new topics.
{{- end }}
{{- if lt (.topics.minInsyncReplicas | int) 2 }}
topics.minInsyncReplicas is {{ .topics.minInsyncReplicas }}: an event is acknowledged as soon as one broker has it.
{{- end }}
{{- if and .collector.enabled (not .collector.autoscaling.enabled) (lt (.collector.replicas | int) 2) }}
collector.replicas is {{ .collector.replicas }}: nothing accepts events while its node is drained.
{{- end }}
{{- if and .collector.enabled .collector.settings.trustLoopback }}
collector.settings.trustLoopback is on: requests from the pod's loopback interface need no session.
{{- end }}
{{- if and .collector.enabled (or .collector.ingress.enabled .collector.httpRoute.enabled) (not .collector.settings.trustedProxies) }}
collector.settings.trustedProxies is empty: all visitors behind the proxy share one IP address and its rate limit.
{{- end }}
{{- if and .dashboard.enabled (not .dashboard.settings.dashboardRole) (not .dashboard.settings.dashboardEditorRole) (not (and .dashboard.existingSecret .dashboard.secretKeys.dashboardToken)) }}
dashboard.existingSecret is empty: nobody can open the dashboard. Create a Secret with the key {{ default "dashboard-token" .dashboard.secretKeys.dashboardToken }}, or set dashboard.settings.dashboardRole.
{{- end }}
{{- if and .collector.spool.enabled .collector.autoscaling.enabled }}
collector.spool and collector.autoscaling are both on: events in the spool of a pod that is scaled down wait until a pod with that number runs again.
{{- end }}
{{- if .networkPolicy.enabled }}
Network policies are on: the only outgoing traffic is DNS, Kafka (ports {{ join ", " (default (include "footfall.bootstrapPorts" $ | fromYaml).ports .networkPolicy.kafka.ports) }}) and Postgres (ports {{ join ", " .networkPolicy.postgres.ports }}).
{{- end }}
{{- if .networkPolicy.enabled }}
{{- $open := list }}
{{- range $name := list "collector" "dashboard" "registry" }}
{{- if and (get $.Values $name).enabled (not (get $.Values.networkPolicy $name).from) }}
{{- $open = append $open $name }}
{{- end }}
{{- end }}
{{- with $open }}
{{ range $at, $name := . }}{{ if $at }}, {{ end }}networkPolicy.{{ $name }}.from{{ end }} {{ ternary "is" "are" (eq (len .) 1) }} empty: every pod in the cluster can connect there, also to /metrics.
{{- end }}
{{- if not .networkPolicy.metrics.from }}
networkPolicy.metrics.from is empty: nobody can scrape the metrics of stream app and sinks{{ if .serviceMonitor.enabled }}, also not the Prometheus that serviceMonitor.enabled is for{{ end }}.
{{- end }}
{{- end }}
{{- $readers := include "footfall.component" (dict "root" $ "name" "dashboard") | fromYaml }}
{{- if and .dashboard.enabled (has "postgres" $readers.needs) (not $readers.values.postgres.existingSecret) }}
dashboard.postgres.existingSecret is empty: the dashboard, which only reads, signs in to Postgres as the user that may change the tables. Create a user in the role footfall_reader, and name a Secret with its DSN there.
{{- end }}
{{- if not .maintenance.enabled }}
maintenance.enabled is off: run `python -m sinks maintain` hourly in some other way, or old days are never dropped.
{{- end }}
{{- end }}
{{- end -}}
