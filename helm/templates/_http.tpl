{{- /* What serves and is reached: Services, Ingresses, HTTPRoutes, disruption budgets. All take the scope and .root. */ -}}

{{- define "footfall.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .fullname }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
  {{- with (.c.service | default dict).annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if .c.service }}
  type: {{ .c.service.type }}
  {{- else }}
  clusterIP: None
  {{- end }}
  selector:
    {{- include "footfall.selectorLabels" . | nindent 4 }}
  ports:
    - name: {{ .is.serves }}
      port: {{ (.c.service | default dict).port | default 8080 }}
      targetPort: {{ .is.serves }}
      protocol: TCP
{{- end -}}

{{- define "footfall.ingress" -}}
{{- $ingress := .c.ingress -}}
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
{{- $route := .c.httpRoute -}}
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
          port: {{ .c.service.port }}
{{- end -}}

{{- /* Pods, or the fewest of them where something scales the component. */ -}}
{{- define "footfall.replicas" -}}
{{- $scaling := .c.autoscaling | default dict -}}
{{- ternary $scaling.minReplicas .c.replicas (default false $scaling.enabled) -}}
{{- end -}}

{{- /* Where something scales a workload, the number is its own: Helm 4 refuses to set it, Helm 3 would set it back. */ -}}
{{- define "footfall.replicasField" -}}
{{- if not (.c.autoscaling | default dict).enabled -}}
replicas: {{ .c.replicas }}
{{- end -}}
{{- end -}}

{{- /* Of a single pod a budget would only keep its node from being drained. */ -}}
{{- define "footfall.disruptionBudget" -}}
{{- if and .c.podDisruptionBudget.enabled (gt (include "footfall.replicas" . | int) 1) -}}
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

{{- /* Everything of a component that is reached by HTTP, besides its workload. */ -}}
{{- define "footfall.served" -}}
{{ include "footfall.service" . }}
---
{{ include "footfall.disruptionBudget" . }}
{{- if .c.ingress.enabled }}
---
{{ include "footfall.ingress" . }}
{{- end }}
{{- if .c.httpRoute.enabled }}
---
{{ include "footfall.httpRoute" . }}
{{- end }}
{{- end -}}
