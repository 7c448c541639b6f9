{{- define "deepseek.selector" -}}
app.kubernetes.io/name: deepseek
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "deepseek.labels" -}}
{{ include "deepseek.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
