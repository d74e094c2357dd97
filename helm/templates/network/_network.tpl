{{- /* The head of a policy: .policy is its name, .components whom it is for (all without). */ -}}
{{- define "footfall.policyFor" -}}
{{- $labels := include "footfall.selectorLabels" (dict "root" .root "name" "network") | fromYaml -}}
{{- $scope := dict "root" .root "name" "network" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "footfall.fullname" .root }}-{{ .policy }}
  labels:
    {{- include "footfall.labels" $scope | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- toYaml (omit $labels "app.kubernetes.io/component") | nindent 6 }}
    {{- with .components }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson . }}}
    {{- end }}
{{- end -}}

{{- define "footfall.ports" -}}
ports:
  {{- range .ports }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end -}}

{{- /* The port of an address such as https://login.example.com/keys. */ -}}
{{- define "footfall.portOf" -}}
{{- regexFind "[0-9]+$" (urlParse .).host | default (hasPrefix "https" . | ternary "443" "80") -}}
{{- end -}}

{{- /* Ports of host:port,host:port, each once. */ -}}
{{- define "footfall.bootstrapPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.bootstrap -}}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) -}}
{{- end -}}
{{- dict "ports" (uniq $ports) | toYaml -}}
{{- end -}}
