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
{{- if not .maintenance.enabled }}
maintenance.enabled is off: run `python -m sinks maintain` hourly in some other way, or old days are never dropped.
{{- end }}
{{- end }}
{{- end -}}
