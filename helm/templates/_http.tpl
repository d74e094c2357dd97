{{- /* Services, Ingresses, HTTPRoutes and disruption budgets. Each takes a component with .root. */ -}}

{{- define "footfall.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .fullname }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
  {{- with (.values.service | default dict).annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if .values.service }}
  type: {{ .values.service.type }}
  {{- else }}
  clusterIP: None
  {{- end }}
  selector:
    {{- include "footfall.selectorLabels" . | nindent 4 }}
  ports:
    - name: {{ .portName }}
      port: {{ (.values.service | default dict).port | default 8080 }}
      targetPort: {{ .portName }}
      protocol: TCP
{{- end -}}

{{- define "footfall.ingress" -}}
{{- $ingress := .values.ingress -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .fullname }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  tls:
    - secretName: {{ $ingress.tlsSecret }}
      hosts:
        {{- toYaml $ingress.hosts | nindent 8 }}
  rules:
    {{- range $host := $ingress.hosts }}
    - host: {{ $host | quote }}
      http:
        paths:
          {{- range $ingress.paths }}
          - path: {{ . }}
            pathType: Prefix
            backend:
              service:
                name: {{ $.fullname }}
                port:
                  name: http
          {{- end }}
    {{- end }}
{{- end -}}

{{- define "footfall.httpRoute" -}}
{{- $route := .values.httpRoute -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .fullname }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
  {{- with $route.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    {{- toYaml $route.parentRefs | nindent 4 }}
  hostnames:
    {{- toYaml $route.hostnames | nindent 4 }}
  rules:
    - matches:
        {{- range $route.paths }}
        - path:
            type: PathPrefix
            value: {{ . }}
        {{- end }}
      backendRefs:
        - name: {{ .fullname }}
          port: {{ .values.service.port }}
{{- end -}}

{{- /* The number of pods, or with autoscaling their minimum. */ -}}
{{- define "footfall.minReplicas" -}}
{{- $scaling := .values.autoscaling | default dict -}}
{{- ternary $scaling.minReplicas .values.replicas (default false $scaling.enabled) -}}
{{- end -}}

{{- /* An autoscaler owns the number of replicas: Helm 4 would stop with a conflict, and Helm 3 would reset it. */ -}}
{{- define "footfall.replicasField" -}}
{{- if not (.values.autoscaling | default dict).enabled -}}
replicas: {{ .values.replicas }}
{{- end -}}
{{- end -}}

{{- /* A budget for a single pod would only block the draining of its node. */ -}}
{{- define "footfall.disruptionBudget" -}}
{{- if and .values.podDisruptionBudget.enabled (gt (include "footfall.minReplicas" . | int) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .fullname }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "footfall.selectorLabels" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{- /* Everything that a component with an HTTP interface has besides its workload. */ -}}
{{- define "footfall.serviceAndRoutes" -}}
{{ include "footfall.service" . }}
---
{{ include "footfall.disruptionBudget" . }}
{{- if .values.ingress.enabled }}
---
{{ include "footfall.ingress" . }}
{{- end }}
{{- if .values.httpRoute.enabled }}
---
{{ include "footfall.httpRoute" . }}
{{- end }}
{{- end -}}
