curl -X POST 'http://<你的IP>:<你的端口>/<平台名称>/v1/images/edits' \
--header 'Content-Type: application/json' \
--header 'Authorization: Bearer <你的许可证>' \
--data-raw '{
    "image": "<图片URL或者base64>",
    "prompt": "<图片描述>",
    "model": "<平台模型>"
}'
