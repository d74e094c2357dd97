{{- /* Metadata and pod selector of a policy: .policy is its name, .components the components it applies to (default: all). */ -}}
{{- define "footfall.networkPolicyHead" -}}
{{- $labels := include "footfall.selectorLabels" (dict "root" .root "name" "network") | fromYaml -}}
{{- $component := dict "root" .root "name" "network" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "footfall.fullname" .root }}-{{ .policy }}
  labels:
    {{- include "footfall.labels" $component | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- toYaml (omit $labels "app.kubernetes.io/component") | nindent 6 }}
    {{- with .components }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson . }}}
    {{- end }}
{{- end -}}

{{- define "footfall.networkPolicyPorts" -}}
ports:
  {{- range .ports }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end -}}

{{- /* The port of a URL such as https://login.example.com/keys. */ -}}
{{- define "footfall.urlPort" -}}
{{- regexFind "[0-9]+$" (urlParse .).host | default (hasPrefix "https" . | ternary "443" "80") -}}
{{- end -}}

{{- /* The ports in host:port,host:port, without repeats. */ -}}
{{- define "footfall.bootstrapPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.bootstrapServers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) -}}
{{- end -}}
{{- dict "ports" (uniq $ports) | toYaml -}}
{{- end -}}
