{{- /* What is allowed and yet worth a second look, a line each. */ -}}
{{- define "footfall.hints" -}}
{{- with .Values }}
{{- if not (or .image.registry .global.imageRegistry) }}
image.registry is empty: the nodes must have the images already.
{{- end }}
{{- if not (hasSuffix "SSL" .kafka.securityProtocol) }}
kafka.securityProtocol is {{ .kafka.securityProtocol }}: events travel to Kafka in plain text.
{{- end }}
{{- if lt (.topics.replicationFactor | int) 3 }}
topics.replicationFactor is {{ .topics.replicationFactor }}: new topics may lose events with one broker.
{{- end }}
{{- if lt (.topics.minInsyncReplicas | int) 2 }}
topics.minInsyncReplicas is {{ .topics.minInsyncReplicas }}: an event counts as written when one broker has it.
{{- end }}
{{- if and .collector.enabled (not .collector.autoscaling.enabled) (lt (.collector.replicas | int) 2) }}
collector.replicas is {{ .collector.replicas }}: events are refused while its node is drained.
{{- end }}
{{- if and .collector.enabled .collector.settings.trustLoopback }}
collector.settings.trustLoopback is on: whoever reaches the pod by its loopback posts without a session.
{{- end }}
{{- if and .collector.enabled (or .collector.ingress.enabled .collector.httpRoute.enabled) (not .collector.settings.trustedProxies) }}
collector.settings.trustedProxies is empty: all visitors behind the Ingress count as one address, with its limit.
{{- end }}
{{- if and .dashboard.enabled (not .dashboard.settings.dashboardRole) (not (and .dashboard.existingSecret .dashboard.secretKeys.dashboardToken)) }}
dashboard.existingSecret is empty: nobody may read the dashboard. Bring a Secret with the key {{ default "dashboard-token" .dashboard.secretKeys.dashboardToken }}, or set dashboard.settings.dashboardRole.
{{- end }}
{{- if and .collector.spool.enabled .collector.autoscaling.enabled }}
collector.spool and collector.autoscaling are both on: what a spool holds when its pod is taken away waits until a pod of that number is back.
{{- end }}
{{- if .networkPolicy.enabled }}
Network policies are on: out go only DNS, Kafka (ports {{ join ", " (default (include "footfall.bootstrapPorts" $ | fromYaml).ports .networkPolicy.kafka.ports) }}) and Postgres (ports {{ join ", " .networkPolicy.postgres.ports }}).
{{- end }}
{{- if not .maintenance.enabled }}
maintenance.enabled is off: run `python -m sinks maintain` every hour by other means, or no day is ever dropped.
{{- end }}
{{- end }}
{{- end -}}
